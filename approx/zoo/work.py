"""What an accelerator runs for a network: converted, but with no weights made."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from approx.zoo import folder
from approx.zoo.table import NETWORKS, find

if TYPE_CHECKING:
    from accel_models import Workload
    from approx.network import Approximation, MatrixProgram


def workload(
    name: str,
    size: int | None = None,
    batch: int = 1,
    phase: str | None = None,
    approximation: Approximation | None = None,
) -> Workload:
    """Return what an accelerator runs for a network, traced on the meta device.

    Args:
        name: A key of `NETWORKS`, or a folder with a `config.json`.
        size: Side of the image, or sequence length: of the prompt, or of what is cached when decoding; the
            network's usual one if None.
        batch: Inferences at a time. In decoding, an inference is one token of one sequence.
        phase: "prefill" or "decode" of a network that has both; the first if None.
        approximation: The tables of its nonlinear functions; the default ones if None.

    Raises:
        ValueError: If there is no such network, size, batch or phase, or the network cannot be converted.
    """
    network = find(name)
    for field, value in (("size", size), ("batch", batch)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f"{field} = {value}: must be an integer of at least 1")
    if phase is not None and phase not in network.phases:
        raise ValueError(f"phase = {phase}: must be one of {', '.join(network.phases)} for {name}")
    stated = folder.contents(name) if name not in NETWORKS else ""
    program = _program(name, stated, size or network.size, batch, phase or network.first)
    return program.workload(batch, approximation)


@lru_cache(maxsize=4)
def _program(name: str, _stated: str, size: int, batch: int, phase: str) -> MatrixProgram:
    """The traced network; what a folder's configuration states is part of what it is remembered by."""
    import torch

    from approx.network import trace

    way = find(name).phases[phase]
    with torch.device("meta"):
        example: Any = way.example(batch, size)
        return trace(way.make(), example)
