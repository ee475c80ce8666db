"""The analytic model on Timeloop's terms: what is left of a difference to it is counting."""

from dataclasses import replace

from accel_models.design import Design
from accel_models.workload import Gemm, Workload


def on_timeloops_terms(design: Design, workload: Workload) -> tuple[Design, Workload]:
    """Return design and workload with what Timeloop does not know taken out.

    Arrays fill and drain in no time, every GEMM reads and writes DRAM, and windows of convolutions come with
    their repeated words.
    """
    plain = [replace(op, a_distinct=None) if isinstance(op, Gemm) else op for op in workload.operations]
    return replace(design, fill="none", activations="dram"), Workload(plain, workload.batch)
