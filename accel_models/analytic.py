"""The analytic backend: what every operation of a workload does on every design of a table, counted in numpy.

Where data live. A GEMM reads A and B from DRAM and writes its result there, with the best tiling the scratchpads allow:
what Timeloop counts for the GEMM alone. An element-wise operation works in the output scratchpad on what is there, and
costs no DRAM traffic, if one inference's tensors (Hadamard and Move two, Lookup one) fit its usable part; if not, it
streams them from DRAM and back. Tables are loaded once and stay if all distinct ones fit the parameter buffer; if not,
every Lookup loads its table again. The start of an operation overlaps the end of the one before, so one operation
takes max(array cycles, DRAM cycles), or their sum with buffering = "single".
"""

from collections.abc import Sequence

import numpy as np

from accel_models.hardware import Hardware
from accel_models.systolic import Shape, array_traffic, ceil_div, cycles, granules
from accel_models.table import DesignTable, FloatArray
from accel_models.tiling import Space, least_traffic
from accel_models.workload import Gemm, Hadamard, Lookup, Move, Operation, Workload

Counts = dict[str, FloatArray]
COUNTS = (
    "compute_cycles", "stall_cycles", "macs", "multiply_adds", "sram_reads_a", "sram_reads_b", "sram_writes_z",
    "input_read", "input_write", "weight_read", "weight_write", "output_read", "output_write",
    "parameter_read", "parameter_write", "adder_bits", "register_bits", "dram_reads", "dram_writes",
)  # fmt: skip
"""Counted for each operation and design: cycles; multiply-adds; words at the array's border (sram_*); bytes read and
written a scratchpad, DRAM transfers included; bits added or passed through registers; DRAM bytes."""


def gemm_counts(gemms: Sequence[Gemm], t: DesignTable, h: Hardware) -> Counts:
    """Return the counts of each GEMM on each design, arrays (gemms, designs), all `count` products together."""
    shape = (len(gemms), t.size)

    def spread(values: list[float]) -> FloatArray:
        return np.broadcast_to(np.array(values, dtype=float)[:, None], shape)

    m, n, k = (spread([getattr(g, name) for g in gemms]) for name in "mnk")
    count, a_words = spread([g.count for g in gemms]), spread([g.a_distinct or g.m * g.k for g in gemms])
    s = Shape(m, n, k, t["rows"], t["cols"], t.is_("dataflow", "ws"), t.is_("dataflow", "os"))

    def flat(values: FloatArray) -> FloatArray:
        return np.broadcast_to(values, shape).ravel()

    space = Space(
        *(flat(v) for v in (h.word, h.partial, *h.usable)), np.broadcast_to(t.shared, shape).ravel()
    )
    unit = granules(s)._replace()
    unit = type(unit)(*(flat(v) for v in unit))
    best = least_traffic(m.ravel(), n.ravel(), k.ravel(), a_words.ravel(), unit, space)
    times_a, times_b, tiles_k = (v.reshape(shape) for v in best[:3])

    moved = array_traffic(s)
    a, b, z = times_a * a_words * h.word, times_b * k * n * h.word, m * n
    partial = (tiles_k - 1) * z * h.partial
    compute = cycles(s, t.is_("fill", "serial"), t.is_("fill", "overlapped"))
    macs = m * n * k
    counts = {
        "compute_cycles": compute,
        "macs": macs,
        "sram_reads_a": moved.reads_a,
        "sram_reads_b": moved.reads_b,
        "sram_writes_z": moved.writes_z,
        "input_read": moved.reads_a * h.word,
        "input_write": a,
        "weight_read": moved.reads_b * h.word,
        "weight_write": b,
        "output_read": moved.reads_z * h.partial + partial + z * h.partial,
        "output_write": moved.writes_z * h.partial + partial,
        "register_bits": macs * 8 * (2 * h.word + h.partial),
        "dram_reads": a + b + partial,
        "dram_writes": z * h.word + partial,
    }
    return {name: value * count for name, value in _with_stalls(counts, t, shape).items()}


def element_counts(
    operations: Sequence[Operation], batch: int, tables: float, t: DesignTable, h: Hardware
) -> Counts:
    """Return the counts of each Hadamard, Lookup and Move on each design, arrays (operations, designs).

    `tables` is the words of all distinct tables of the workload.
    """
    shape = (len(operations), t.size)

    def spread(values: list[float]) -> FloatArray:
        return np.broadcast_to(np.array(values, dtype=float)[:, None], shape)

    elements = spread([op.elements for op in operations if not isinstance(op, Gemm)])
    lookup = spread([isinstance(op, Lookup) for op in operations])
    move = spread([isinstance(op, Move) for op in operations])
    words = spread([op.table_words if isinstance(op, Lookup) else 0 for op in operations])
    levels = spread([addressing_levels(op) if isinstance(op, Lookup) else 0 for op in operations])
    operands = spread([2 if isinstance(op, Hadamard) else 1 for op in operations])
    tensors = spread([1 if isinstance(op, Lookup) else 2 for op in operations])

    data = elements * h.word
    spills = np.where(tensors * elements / batch * h.word <= h.usable[2], 0.0, 1.0)
    loads = np.where(tables * h.word <= t["parameter_buffer"], 0.0, words * h.word)
    lanes = np.where(move > 0, np.minimum(t["rows"], t["cols"]), h.lanes)
    fill = np.where(t.is_("fill", "none"), 0.0, t["rows"] + t["cols"] - 2 + levels)
    multiply_adds = np.where(move > 0, 0.0, elements)
    counts = {
        "compute_cycles": ceil_div(elements, lanes) + fill,
        "multiply_adds": multiply_adds,
        "output_read": operands * data + spills * data,
        "output_write": data + spills * operands * data,
        "parameter_read": lookup * 2 * data,
        "parameter_write": loads,
        "adder_bits": levels * 8 * data,
        "register_bits": multiply_adds * 8 * (2 * h.word + h.partial) + levels * 8 * data,
        "dram_reads": spills * operands * data + loads,
        "dram_writes": spills * data,
    }
    return _with_stalls(counts, t, shape)


def addressing_levels(lookup: Lookup) -> int:
    """Return the steps to find a table entry: one shift; leading bit, then shift; or a tree over the knots."""
    tree = int(np.ceil(np.log2(lookup.segments + 2)))
    return {"shift": 1, "dyadic": 2, "exponent": 2, "comparator": tree}[lookup.addressing]


def table_words(workload: Workload) -> int:
    """Return the words of all distinct tables; lookups with one `table` (or name) share one."""
    tables: dict[str, int] = {}
    for index, op in enumerate(workload.operations):
        if isinstance(op, Lookup):
            key = op.table or op.name or f"#{index}"
            tables[key] = max(tables.get(key, 0), op.table_words)
    return sum(tables.values())


def _with_stalls(counts: Counts, t: DesignTable, shape: tuple[int, int]) -> Counts:
    transfer = ceil_div((counts["dram_reads"] + counts["dram_writes"]) * t["clock"], t["dram_bandwidth"])
    waits = np.where(
        t.is_("buffering", "single"), transfer, np.maximum(transfer - counts["compute_cycles"], 0.0)
    )
    counts["stall_cycles"] = waits
    zero = np.zeros(shape)
    return {name: np.broadcast_to(counts.get(name, zero), shape) for name in COUNTS}
