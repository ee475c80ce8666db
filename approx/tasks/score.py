"""The figures of one pass over the test batches."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fidelity:
    """Closeness of a network's class probabilities to the original's.

    Attributes:
        agreement: Share of samples for which both choose the same class, 0 to 1.
        kl_divergence: Mean Kullback-Leibler divergence KL(original || network), nats a sample, >= 0.
    """

    agreement: float
    kl_divergence: float

    @property
    def score(self) -> float:
        """exp(-kl_divergence), 0 to 1: the geometric mean of the likelihood kept; 1 is the original."""
        return math.exp(-self.kl_divergence)


@dataclass(frozen=True)
class Score:
    """Everything one pass over the test batches tells; NaN where the task has no such figure.

    Attributes:
        accuracy: Share of samples classified as labelled, 0 to 1.
        agreement: Share of samples classified as the original network does, 0 to 1.
        kl_divergence: Mean KL(original || network), nats a sample.
        cosine: Mean cosine of the embeddings to the original network's, -1 to 1.
        direction: Where the outputs moved from the original's, see `approx.tasks.sketch`: networks whose
            directions are opposite do well together.
    """

    accuracy: float = math.nan
    agreement: float = math.nan
    kl_divergence: float = math.nan
    cosine: float = math.nan
    direction: tuple[float, ...] = field(default=(), repr=False)

    @property
    def fidelity(self) -> float:
        """exp(-kl_divergence), 1 when the outputs are the original's."""
        return Fidelity(self.agreement, self.kl_divergence).score

    @property
    def figures(self) -> dict[str, float]:
        """The figures that the task has, by name: the cosine of embeddings, or all others of classes."""
        names = ("accuracy", "fidelity", "agreement", "kl_divergence", "cosine")
        values = {name: float(getattr(self, name)) for name in names}
        return {name: value for name, value in values.items() if not math.isnan(value)}
