"""What every operation of a workload does on every design of a table: cycles, accesses, transfers.

`gemms` counts matrix products, `elements` everything else by itself and `chains` what is scheduled together;
where data live is said there.

Widths: operands of GEMMs have the data's width in the input and weight scratchpads and in the array; all
else is stored words (`Design.elementwise_bits`): results, what element-wise operations work on, and A on its
way from DRAM. Table entries have their own width (`Lookup.width`) or a stored word's.
"""

from collections.abc import Sequence

import numpy as np

from accel_models.counting.chains import ChainCounts, Products, count_chains
from accel_models.counting.counts import COUNTS, Counts
from accel_models.counting.elements import count_elements, table_bytes
from accel_models.counting.gemms import Mapped, count_gemms
from accel_models.hardware import Hardware
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
    parts = [count_gemms(gemms, ends, t, h, mapped)] if gemms else []
    parts += [count_elements(others, workload, t, h)] if others else []
    return {name: np.concatenate([part[name] for part in parts]) for name in COUNTS}
