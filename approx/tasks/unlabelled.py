"""Any network with inputs but no labels: the original's own choices are the targets."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from torch import nn

from approx.tasks.base import Batch, Inputs, first_tensor
from approx.tasks.outputs import run

OUTPUTS = ("classes", "embeddings")


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """A task without labels: a network is scored by how near it stays to the original.

    Of classes, accuracy is agreement with the original's choices, 1 for itself; of embeddings, the figure is
    their mean cosine to the original's. Tuning teaches the network to answer as the original does.

    Attributes:
        network: The original; deep-copied for each `model()`.
        calibration_inputs: Positional or keyword arguments of each calibration and training call.
        test_inputs: Those of each scored call; none of them may be among the former.
        name: Name in reports and messages.
        outputs: What the network gives: "classes" (logits) or "embeddings".

    Raises:
        ValueError: If either sequence is empty, an input is in both, or outputs is neither.
    """

    network: nn.Module
    calibration_inputs: Sequence[Inputs]
    test_inputs: Sequence[Inputs]
    name: str = "unlabelled"
    outputs: str = "classes"

    def __post_init__(self) -> None:
        if self.outputs not in OUTPUTS:
            raise ValueError(f"outputs = {self.outputs!r}: must be one of {', '.join(OUTPUTS)}")
        for field in ("calibration_inputs", "test_inputs"):
            if not len(getattr(self, field)):
                raise ValueError(f"{field}: must hold at least one input")
        known = set().union(*map(_samples, self.calibration_inputs))
        if any(not known.isdisjoint(_samples(inputs)) for inputs in self.test_inputs):
            raise ValueError("test_inputs: a sample is in calibration_inputs too: must be held out")

    def model(self) -> nn.Module:
        """Return a copy of the original in eval mode."""
        return deepcopy(self.network).eval()

    def train_batches(self) -> Sequence[Batch]:
        """Return the calibration inputs, and the original's choices if it gives classes."""
        return self._batches(self.calibration_inputs)

    def calibration_batches(self) -> Sequence[Batch]:
        """Return the calibration inputs, and the original's choices if it gives classes."""
        return self._batches(self.calibration_inputs)

    def test_batches(self) -> Sequence[Batch]:
        """Return the test inputs, and the original's choices if it gives classes."""
        return self._batches(self.test_inputs)

    def _batches(self, calls: Sequence[Inputs]) -> list[Batch]:
        if self.outputs == "embeddings":
            return [Batch(inputs) for inputs in calls]
        return [Batch(inputs, run(self.network, inputs, self.name).argmax(-1)) for inputs in calls]


def _samples(inputs: Inputs) -> set[bytes]:
    """What tells the samples of one call apart: the rows of its first tensor."""
    return {row.numpy(force=True).tobytes() for row in first_tensor(inputs)}
