"""The analytic model on Timeloop's terms: what is left of a difference to it is counting."""

from dataclasses import replace
from typing import Any

from accel_models.design import Design
from accel_models.workload import Gemm, Workload

TERMS: dict[str, Any] = {
    "fill": "none",
    "load_cycles": 0.0,
    "dram_latency": 0.0,
    "dram_burst": 1,
    "tile_cycles": 0.0,
    "start": "loaded",
    "activations": "dram",
}
"""Fields of a design as Timeloop counts: nothing is lost between tiles, and all crosses to DRAM."""


def on_timeloops_terms(design: Design, workload: Workload) -> tuple[Design, Workload]:
    """Return design and workload with what Timeloop does not know taken out.

    Arrays fill and drain in no time, nothing is lost between tiles, transfers overlap with computing, every
    GEMM reads and writes DRAM, and windows of convolutions come with their repeated words.
    """
    plain = [
        replace(op, a_distinct=None, a_skipped=0, taps=1) if isinstance(op, Gemm) else op
        for op in workload.operations
    ]
    # Single buffering leaves tiles the whole capacity, as a buffet does, whose transfers overlap.
    buffering = "buffet" if design.buffering == "single" else design.buffering
    return replace(design, buffering=buffering, **TERMS), Workload(plain, workload.batch)
