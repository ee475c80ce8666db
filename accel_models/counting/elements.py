"""What each Hadamard product, Lookup and Move does on each design.

An element-wise operation works in the output scratchpad on what is there, and costs no DRAM traffic, if one
inference's tensors fit its usable part (Hadamard and Move two, Lookup one); if not, it streams them from DRAM
and back.

Tables are loaded before the first inference and stay if all distinct ones fit the parameter buffer; if not,
every Lookup loads its table again: once from DRAM, into every copy of the buffer. A copy gives one lane one
entry (slope and intercept) a cycle.
"""

from collections.abc import Sequence

import numpy as np

from accel_models.counting.counts import Counts, column, with_stalls
from accel_models.hardware import Hardware
from accel_models.systolic import ceil_div
from accel_models.table import DesignTable, FloatArray
from accel_models.workload import Gemm, Hadamard, Lookup, Move, Operation, Workload


def count_elements(
    operations: Sequence[Operation], workload: Workload, t: DesignTable, h: Hardware
) -> Counts:
    """Return the counts of each Hadamard, Lookup and Move."""
    elements = column([op.elements for op in operations if not isinstance(op, Gemm)], t)
    lookup, move = (column([isinstance(op, kind) for op in operations], t) for kind in (Lookup, Move))
    entry = np.array([table_bytes(op, h) if isinstance(op, Lookup) else 0 * h.element for op in operations])
    table = column([op.table_words if isinstance(op, Lookup) else 0 for op in operations], t) * entry
    levels = column([addressing_levels(op) if isinstance(op, Lookup) else 0 for op in operations], t)
    operands = column([2 if isinstance(op, Hadamard) else 1 for op in operations], t)
    tensors = column([1 if isinstance(op, Lookup) else 2 for op in operations], t)

    data, sums = elements * h.element, np.where(move > 0, 0.0, elements)
    streams = np.where(tensors * data / workload.batch <= h.usable[2], 0.0, 1.0)
    loads = np.where(all_tables(workload, h) <= t["parameter_buffer"], 0.0, table)
    lanes = np.where(move > 0, np.minimum(t["rows"], t["cols"]), h.lanes)
    lanes = np.where(lookup > 0, np.minimum(lanes, h.copies), lanes)
    fill = np.where(t.is_("fill", "none"), 0.0, t["rows"] + t["cols"] - 2 + levels)
    counts = {
        "compute_cycles": ceil_div(elements, lanes) + fill,
        "multiply_adds": sums,
        "output_read": operands * data + streams * data,
        "output_write": data + streams * operands * data,
        "parameter_read": lookup * 2 * elements * entry,
        "parameter_write": loads * h.copies,
        "adder_bits": levels * 8 * data,
        "register_bits": sums * h.hadamard_bits + levels * 8 * data,
        "dram_reads": streams * operands * data + loads,
        "dram_writes": streams * data,
    }
    return with_stalls(counts, t, elements.shape)


def addressing_levels(lookup: Lookup) -> int:
    """Return the steps to find a table entry: a shift, a leading bit and shift, or a tree over the knots."""
    tree = int(np.ceil(np.log2(lookup.segments + 2)))
    return {"shift": 1, "dyadic": 2, "exponent": 2, "comparator": tree}[lookup.addressing]


def table_bytes(lookup: Lookup, h: Hardware) -> FloatArray:
    """Return the bytes of each of a table's words: of its own width, or of a stored word."""
    return h.element if lookup.width is None else np.full_like(h.element, lookup.width / 8)


def all_tables(workload: Workload, h: Hardware) -> FloatArray:
    """Return the bytes of all distinct tables; lookups with one `table` (or name) share one."""
    tables: dict[str, FloatArray] = {}
    for index, op in enumerate(workload.operations):
        if isinstance(op, Lookup):
            key = op.table or op.name or f"#{index}"
            tables[key] = np.maximum(tables.get(key, 0.0), op.table_words * table_bytes(op, h))
    return np.asarray(sum(tables.values(), np.zeros_like(h.element)))
