"""What each Hadamard product, Lookup and Move does on each design.

An element-wise operation works in the output scratchpad on what is there, and costs no DRAM traffic, if one
inference's tensors fit its usable part (Hadamard and Move two, Lookup and sum one); if not, it streams them
from DRAM and back: all of them where it is scheduled by itself, what its chain needs in a chain (`chains`).

A sum of rows of stored words (`Gemm.wide` with n = 1) is such work: a product with a vector of ones, fold
after fold, whose words go past the multipliers of narrower cells to the adders themselves. What the cells
need for that is charged (`hardware`).

Tables are loaded before the first inference and stay if all distinct ones fit the parameter buffer; if not,
every Lookup loads its table again: once from DRAM, into every copy of the buffer. A copy gives one lane one
entry (slope and intercept) a cycle.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from accel_models.counting.counts import Counts, column, with_stalls
from accel_models.hardware import Hardware
from accel_models.systolic import ceil_div
from accel_models.table import DesignTable, FloatArray
from accel_models.workload import Gemm, Hadamard, Lookup, Move, Workload

Elementwise = Hadamard | Lookup | Move | Gemm
"""Element-wise work; a GEMM here is a sum of rows (`accel_models.schedule.chained`)."""


class Elements(NamedTuple):
    """Element-wise operations on each design, arrays (operations, designs).

    counts: What does not depend on the schedule.
    reads, results: Bytes read of operands, and of the result.
    work: Words that the lanes work on.
    lanes: Words a cycle.
    fill: Cycles to fill and drain the lanes.
    fills, tile_fills: How often that happens at least, and in each tile.
    streams: 1 where the tensors do not fit, else 0.
    loads: Bytes of tables loaded.
    """

    counts: Counts
    reads: FloatArray
    results: FloatArray
    work: FloatArray
    lanes: FloatArray
    fill: FloatArray
    fills: FloatArray
    tile_fills: FloatArray
    streams: FloatArray
    loads: FloatArray

    def cycles(self, tiles: FloatArray, t: DesignTable) -> FloatArray:
        """Return the cycles of the work in equal tiles."""
        serial = np.where(t.is_("fill", "serial"), np.maximum(tiles * self.tile_fills, self.fills), 1.0)
        work = tiles * ceil_div(ceil_div(self.work, tiles), self.lanes)
        return np.asarray(work + serial * self.fill, dtype=np.float64)


def elements_of(
    operations: Sequence[Elementwise], workload: Workload, t: DesignTable, h: Hardware
) -> Elements:
    """Return what is known of each operation before it is scheduled."""
    words = column([op.macs if isinstance(op, Gemm) else op.elements for op in operations], t)
    results = column([op.m * op.count if isinstance(op, Gemm) else op.elements for op in operations], t)
    lookup, move, row_sum = (
        column([isinstance(op, kind) for op in operations], t) > 0 for kind in (Lookup, Move, Gemm)
    )
    entry = np.array([table_bytes(op, h) if isinstance(op, Lookup) else 0 * h.element for op in operations])
    table = column([op.table_words if isinstance(op, Lookup) else 0 for op in operations], t) * entry
    levels = column([addressing_levels(op) if isinstance(op, Lookup) else 0 for op in operations], t)
    operands = column([2 if isinstance(op, Hadamard) else 1 for op in operations], t)
    tensors = column([1 if isinstance(op, Lookup | Gemm) else 2 for op in operations], t)

    data, multiply_adds = words * h.element, np.where(move | row_sum, 0.0, words)
    loads = np.where(all_tables(workload, h) <= t["parameter_buffer"], 0.0, table)
    s = _sums(operations, t)
    lanes = np.where(move, np.minimum(t["rows"], t["cols"]), h.lanes)
    lanes = np.where(lookup, np.minimum(lanes, h.copies), np.where(row_sum, s.lanes, lanes))
    fill = t["rows"] + t["cols"] - 2 + levels + np.where(row_sum, s.entering, 0.0)
    added = np.where(row_sum, words, 0.0)
    counts = {
        "macs": added,
        "mac_work": added * (h.element <= h.word),
        "sum_adds": added * (h.element > h.word),
        "multiply_adds": multiply_adds,
        "sram_reads_a": added,
        "sram_writes_z": np.where(row_sum, s.passes * results, 0.0),
        "output_read": operands * data + np.where(row_sum, (s.passes - 1) * results * h.partial, 0.0),
        "output_write": np.where(row_sum, s.passes * results * h.partial, results * h.element),
        "parameter_read": lookup * 2 * words * entry,
        "parameter_write": loads * h.copies,
        "adder_bits": levels * 8 * data,
        "register_bits": multiply_adds * h.hadamard_bits
        + added * 8 * (h.element + h.partial)
        + levels * 8 * data,
    }
    return Elements(
        counts,
        reads=operands * data,
        results=results * h.element,
        work=np.where(row_sum, s.padded, words),
        lanes=lanes,
        fill=np.where(t.is_("fill", "none"), 0.0, fill),
        fills=np.where(row_sum, s.folds, 1.0),
        tile_fills=np.where(row_sum, s.passes, 1.0),
        streams=np.where(tensors * data / workload.batch <= h.usable[2], 0.0, 1.0),
        loads=loads,
    )


class _Sums(NamedTuple):
    """Sums of rows (M x K) @ (K x 1) on the array, fold after fold (`accel_models.systolic`)."""

    lanes: FloatArray
    padded: FloatArray
    passes: FloatArray
    folds: FloatArray
    entering: FloatArray


def _sums(operations: Sequence[Elementwise], t: DesignTable) -> _Sums:
    m = column([op.m * op.count if isinstance(op, Gemm) else 1 for op in operations], t)
    k = column([op.k if isinstance(op, Gemm) else 1 for op in operations], t)
    weight, output = t.is_("dataflow", "ws"), t.is_("dataflow", "os")
    passes = np.where(output, 1.0, ceil_div(k, t["rows"]))
    across = ceil_div(m, np.where(output, t["rows"], t["cols"]))
    folds = np.where(weight, passes, passes * across)
    lanes = np.where(weight | output, t["rows"], t["rows"] * t["cols"])
    streamed = np.where(output, k, np.where(weight, m, 1.0))
    entering = np.where(output, 0.0, t["rows"])
    return _Sums(lanes, folds * streamed * lanes, passes, folds, entering)


def with_transfers(e: Elements, reads: FloatArray, writes: FloatArray) -> Counts:
    """Return the counts with some bytes of operands read from DRAM, and of results written there."""
    return e.counts | {
        "output_read": e.counts["output_read"] + writes,
        "output_write": e.counts["output_write"] + reads,
        "dram_reads": reads + e.loads,
        "dram_writes": writes,
    }


def count_elements(
    operations: Sequence[Elementwise], workload: Workload, t: DesignTable, h: Hardware
) -> Counts:
    """Return the counts of each operation, scheduled by itself."""
    e = elements_of(operations, workload, t, h)
    counts = with_transfers(e, e.streams * e.reads, e.streams * e.results)
    counts["compute_cycles"] = e.cycles(np.ones_like(e.work), t)
    return with_stalls(counts, t, e.work.shape)


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
