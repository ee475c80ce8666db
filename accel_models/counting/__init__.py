"""What every operation of a workload does on every design of a table: cycles, accesses, transfers.

`gemms` counts matrix products, `elements` everything else by itself and `chains` what is scheduled together;
where data live is said there.

Widths: operands of GEMMs have the data's width in the input and weight scratchpads and in the array; all
else is stored words (`Design.elementwise_bits`): results, what element-wise operations work on, and A on its
way from DRAM. A GEMM may have widths of its own (`Gemm.a_bits`, `b_bits`, `z_bits`), a table its own too
(`Lookup.width`).
"""

from collections.abc import Sequence

import numpy as np

from accel_models.counting.chains import ChainCounts, Products, count_chains
from accel_models.counting.counts import COUNTS, Counts
from accel_models.counting.elements import count_elements, table_bytes
from accel_models.counting.gemms import Mapped, count_gemms
from accel_models.hardware import Hardware, with_widths
from accel_models.schedule import chained
from accel_models.table import DesignTable
from accel_models.workload import Gemm, Operation, Workload

__all__ = [
    "COUNTS",
    "ChainCounts",
    "Counts",
    "Mapped",
    "Products",
    "count",
    "count_chains",
    "table_bytes",
]


def count(
    operations: Sequence[Operation],
    ends: Sequence[str],
    workload: Workload,
    t: DesignTable,
    h: Hardware,
    mapped: Mapped | None = None,
) -> Counts:
    """Return the counts of each operation on each design, arrays (operations, designs); products come first.

    `ends` says for each operation whether it is the workload's "first", "last", "both" or neither ("");
    `mapped` is the mapping of its products, if the model is not to choose it.
    """
    gemms = [op for op in operations if isinstance(op, Gemm) and not chained(op)]
    others = [op for op in operations if chained(op)]
    parts = [_count_gemms(gemms, ends, t, h, mapped)] if gemms else []
    parts += [count_elements(others, workload, t, h)] if others else []
    return {name: np.concatenate([part[name] for part in parts]) for name in COUNTS}


def _count_gemms(
    gemms: Sequence[Gemm], ends: Sequence[str], t: DesignTable, h: Hardware, mapped: Mapped | None
) -> Counts:
    """Count GEMMs of one choice of widths after another, and put them back in order."""
    groups: dict[tuple[int | None, ...], list[int]] = {}
    for place, gemm in enumerate(gemms):
        groups.setdefault((gemm.a_bits, gemm.b_bits, gemm.z_bits), []).append(place)
    parts = []
    for places in groups.values():
        own = with_widths(h, t, gemms[places[0]])
        given = None if mapped is None else mapped.take(places)
        parts.append(count_gemms([gemms[i] for i in places], [ends[i] for i in places], t, own, given))
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate(list(groups.values())))
    return {name: np.concatenate([part[name] for part in parts])[order] for name in COUNTS}
