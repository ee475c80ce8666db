"""What each GEMM does on each design.

A GEMM reads A and B from DRAM and writes its result there, with the best tiling that the scratchpads allow:
what Timeloop counts for the GEMM alone. With activations = "on_chip", an A that fits the input and the output
scratchpad whole (all products, the usable part of both) is taken from where the operation before left it, and
a result that fits likewise stays; the first operation's operand and the last one's result always cross. B is
always read.

A product of stored words (`Gemm.wide`, n > 1) runs on cells of operands digit by digit: as many products as
a stored word has operands' widths; sums of rows (n = 1) are element-wise work. A tile border costs no extra
fill and drain of the array.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accel_models.counting.counts import Counts, column, with_stalls
from accel_models.hardware import Hardware
from accel_models.systolic import Granules, Shape, array_traffic, ceil_div, cycles, granules
from accel_models.table import DesignTable, FloatArray
from accel_models.tiling import Problem, Traffic, least_traffic
from accel_models.workload import Gemm


def count_gemms(gemms: Sequence[Gemm], ends: Sequence[str], t: DesignTable, h: Hardware) -> Counts:
    """Return the counts of each GEMM, all its `count` products together."""
    m, n, k = (column([getattr(gemm, size) for gemm in gemms], t) for size in ("m", "n", "k"))
    digits = np.ceil(h.element / h.word)  # of a stored word, on cells of operands
    products = column([gemm.count for gemm in gemms], t)
    products = products * np.where(column([gemm.wide for gemm in gemms], t) > 0, digits, 1.0)
    a_words = column([gemm.a_distinct or gemm.m * gemm.k for gemm in gemms], t)
    shape = Shape(m, n, k, t["rows"], t["cols"], t.is_("dataflow", "ws"), t.is_("dataflow", "os"))
    times = _tiled(shape, a_words, t, h)
    moved, macs, z = array_traffic(shape), m * n * k, m * n
    crossing_a, crossing_z = _crossing(a_words * products, z * products, ends, t, h)
    a, b = crossing_a * times.a * a_words * h.element, times.b * k * n * h.word
    spilled, result = (times.k - 1) * z * h.partial, crossing_z * z
    tiles, whole = _result_tiles(shape, times, t, h)
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
        "result_writes": result * h.element,
        "tiles": tiles,
        "row_tiles": tiles * whole,
    }
    return {name: value * products for name, value in with_stalls(counts, t, m.shape).items()}


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


def _result_tiles(
    s: Shape, times: Traffic, t: DesignTable, h: Hardware
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the tiles in which a result leaves the array complete, 0 where it does not; and whether in rows.

    A tile holds whole rows if the output scratchpad takes it over all of N, with the operands' tiles where it
    is shared.
    """
    unit = granules(s)
    rows = unit.m * ceil_div(ceil_div(s.m, unit.m), times.b)
    operands = np.where(t.shared, (rows * unit.k + unit.k * s.n) * h.word, 0.0)
    whole = (times.a == 1) & (rows * s.n * h.partial + operands <= h.usable[2])
    least = ceil_div(s.m * s.n * h.partial, h.usable[2])
    return np.where(times.k == 1, np.maximum(times.a * times.b, least), 0.0), whole


def _crossing(
    a: FloatArray, z: FloatArray, ends: Sequence[str], t: DesignTable, h: Hardware
) -> tuple[FloatArray, FloatArray]:
    """Return 1 where A, and the result, cross the border to DRAM, 0 where they stay on chip."""
    stays, room = t.is_("activations", "on_chip"), np.minimum(h.usable[0], h.usable[2])
    first = column([end in ("first", "both") for end in ends[: len(a)]], t) > 0
    last = column([end in ("last", "both") for end in ends[: len(a)]], t) > 0
    keeps_a = stays & ~first & (a * h.element <= room)
    keeps_z = stays & ~last & (z * h.element <= room)
    return np.where(keeps_a, 0.0, 1.0), np.where(keeps_z, 0.0, 1.0)
