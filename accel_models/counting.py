"""What every operation of a workload does on every design of a table: cycles, accesses, transfers.

Where data live:

- A GEMM reads A and B from DRAM and writes its result there, with the best tiling that the scratchpads
  allow: what Timeloop counts for the GEMM alone. With activations = "on_chip", an A that fits the input and
  the output scratchpad whole (all products, the usable part of both) is taken from where the operation before
  left it, and a result that fits likewise stays; the first operation's operand and the last one's result
  always cross. B is always read.
- An element-wise operation works in the output scratchpad on what is there, and costs no DRAM traffic, if one
  inference's tensors fit its usable part (Hadamard and Move two, Lookup one); if not, it streams them from
  DRAM and back.
- Tables are loaded before the first inference and stay if all distinct ones fit the parameter buffer; if not,
  every Lookup loads its table again: once from DRAM, into every copy of the buffer. A copy gives one lane one
  entry (slope and intercept) a cycle.

Widths: operands of GEMMs have the data's width in the input and weight scratchpads and in the array; all
else is stored words (`Design.elementwise_bits`): results, what element-wise operations work on, and A on its
way from DRAM. A sum of stored words (`Gemm.wide`) runs on cells of operands digit by digit: as many products
as a stored word has operands' widths. Table entries have their own width (`Lookup.width`) or a stored word's.

Time: the start of an operation overlaps the end of the one before, so an operation takes max(array cycles,
DRAM cycles), or their sum with buffering = "single". A tile border costs no extra fill and drain of the
array.
"""

from collections.abc import Sequence

import numpy as np

from accel_models.hardware import Hardware
from accel_models.systolic import Granules, Shape, array_traffic, ceil_div, cycles, granules
from accel_models.table import DesignTable, FloatArray
from accel_models.tiling import Problem, Traffic, least_traffic
from accel_models.workload import Gemm, Hadamard, Lookup, Move, Operation, Workload

Counts = dict[str, FloatArray]
COUNTS = {
    "compute_cycles": "cycles that the array works",
    "stall_cycles": "cycles that it waits for DRAM",
    "macs": "multiply-accumulates of GEMMs",
    "multiply_adds": "element-wise multiply-adds",
    "sram_reads_a": "words of A from scratchpad to array",
    "sram_reads_b": "words of B from scratchpad to array",
    "sram_writes_z": "words of results and partial sums from array to scratchpad",
    "input_read": "bytes, as all below unless they say bits; transfers to and from DRAM included",
    "input_write": "",
    "weight_read": "",
    "weight_write": "",
    "output_read": "",
    "output_write": "",
    "parameter_read": "",
    "parameter_write": "",
    "adder_bits": "bits compared or added to find table entries",
    "register_bits": "bits passed on in array registers",
    "dram_reads": "",
    "dram_writes": "",
}
"""What is counted for each operation and design."""


def count(
    operations: Sequence[Operation], ends: Sequence[str], workload: Workload, t: DesignTable, h: Hardware
) -> Counts:
    """Return the counts of each operation on each design, arrays (operations, designs); GEMMs come first.

    `ends` says for each operation whether it is the workload's "first", "last", "both" or neither ("").
    """
    gemms = [op for op in operations if isinstance(op, Gemm)]
    others = [op for op in operations if not isinstance(op, Gemm)]
    parts = [_gemms(gemms, ends, t, h)] if gemms else []
    parts += [_elements(others, workload, t, h)] if others else []
    return {name: np.concatenate([part[name] for part in parts]) for name in COUNTS}


def _column(values: Sequence[float], t: DesignTable) -> FloatArray:
    """Return a value an operation as (operations, designs)."""
    return np.broadcast_to(np.array(values, dtype=np.float64)[:, None], (len(values), t.size))


def _gemms(gemms: Sequence[Gemm], ends: Sequence[str], t: DesignTable, h: Hardware) -> Counts:
    """Return the counts of each GEMM, all its `count` products together."""
    m, n, k = (_column([getattr(gemm, size) for gemm in gemms], t) for size in ("m", "n", "k"))
    digits = np.ceil(h.element / h.word)  # of a stored word, on cells of operands
    products = _column([gemm.count for gemm in gemms], t)
    products = products * np.where(_column([gemm.wide for gemm in gemms], t) > 0, digits, 1.0)
    a_words = _column([gemm.a_distinct or gemm.m * gemm.k for gemm in gemms], t)
    shape = Shape(m, n, k, t["rows"], t["cols"], t.is_("dataflow", "ws"), t.is_("dataflow", "os"))
    times = _tiled(shape, a_words, t, h)
    moved, macs, z = array_traffic(shape), m * n * k, m * n
    crossing_a, crossing_z = _crossing(a_words * products, z * products, ends, t, h)
    a, b = crossing_a * times.a * a_words * h.element, times.b * k * n * h.word
    spilled, result = (times.k - 1) * z * h.partial, crossing_z * z
    counts = {
        "compute_cycles": cycles(shape, t.is_("fill", "serial"), t.is_("fill", "overlapped")),
        "macs": macs,
        "sram_reads_a": moved.reads_a,
        "sram_reads_b": moved.reads_b,
        "sram_writes_z": moved.writes_z,
        "input_read": moved.reads_a * h.word,
        "input_write": times.a * a_words * h.word,
        "weight_read": moved.reads_b * h.word,
        "weight_write": b,
        "output_read": (moved.reads_z + z) * h.partial
        + spilled
        + (1 - crossing_a) * times.a * a_words * h.element,
        "output_write": moved.writes_z * h.partial + spilled,
        "register_bits": macs * h.register_bits,
        "dram_reads": a + b + spilled,
        "dram_writes": result * h.element + spilled,
    }
    return {name: value * products for name, value in _with_stalls(counts, t, m.shape).items()}


def _tiled(s: Shape, a_words: FloatArray, t: DesignTable, h: Hardware) -> Traffic:
    """Return the best tiling of each GEMM on each design, arrays (gemms, designs)."""

    def flat(values: FloatArray) -> FloatArray:
        return np.broadcast_to(values, s.m.shape).ravel()

    shared = np.broadcast_to(t.shared, s.m.shape).ravel()
    unit = granules(s)
    sizes = (unit.m * ceil_div(s.m, unit.m), s.n, s.k, a_words, s.k * s.n, s.m * s.n)
    problem = Problem._make((*(flat(values) for values in (*sizes, h.word, h.partial, *h.usable)), shared))
    best = least_traffic(problem, Granules._make(flat(values) for values in unit))
    return Traffic._make(times.reshape(s.m.shape) for times in best)


def _crossing(
    a: FloatArray, z: FloatArray, ends: Sequence[str], t: DesignTable, h: Hardware
) -> tuple[FloatArray, FloatArray]:
    """Return 1 where A, and the result, cross the border to DRAM, 0 where they stay on chip."""
    stays, room = t.is_("activations", "on_chip"), np.minimum(h.usable[0], h.usable[2])
    first = _column([end in ("first", "both") for end in ends[: len(a)]], t) > 0
    last = _column([end in ("last", "both") for end in ends[: len(a)]], t) > 0
    keeps_a = stays & ~first & (a * h.element <= room)
    keeps_z = stays & ~last & (z * h.element <= room)
    return np.where(keeps_a, 0.0, 1.0), np.where(keeps_z, 0.0, 1.0)


def _elements(operations: Sequence[Operation], workload: Workload, t: DesignTable, h: Hardware) -> Counts:
    """Return the counts of each Hadamard, Lookup and Move."""
    elements = _column([op.elements for op in operations if not isinstance(op, Gemm)], t)
    lookup, move = (_column([isinstance(op, kind) for op in operations], t) for kind in (Lookup, Move))
    entry = np.array([table_bytes(op, h) if isinstance(op, Lookup) else 0 * h.element for op in operations])
    table = _column([op.table_words if isinstance(op, Lookup) else 0 for op in operations], t) * entry
    levels = _column([addressing_levels(op) if isinstance(op, Lookup) else 0 for op in operations], t)
    operands = _column([2 if isinstance(op, Hadamard) else 1 for op in operations], t)
    tensors = _column([1 if isinstance(op, Lookup) else 2 for op in operations], t)

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
    return _with_stalls(counts, t, elements.shape)


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


def _with_stalls(counts: Counts, t: DesignTable, shape: tuple[int, ...]) -> Counts:
    transfer = ceil_div((counts["dram_reads"] + counts["dram_writes"]) * t["clock"], t["dram_bandwidth"])
    waits = np.maximum(transfer - counts["compute_cycles"], 0.0)
    counts["stall_cycles"] = np.where(t.is_("buffering", "single"), transfer, waits)
    zero = np.zeros(shape)
    return {name: np.broadcast_to(counts.get(name, zero), shape) for name in COUNTS}
