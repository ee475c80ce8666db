"""What each GEMM does on each design, under the mapping that `accel_models.mapper` chooses.

A GEMM reads A and B from DRAM and writes its result there: what Timeloop counts for the GEMM alone. With
activations = "on_chip", an A that fits the input and the output scratchpad whole (all products, the usable
part of both) is taken from where the operation before left it, and a result that fits likewise stays; the
first operation's operand and the last one's result always cross. B is always read. The mapping is chosen as
if all crossed.

A product of stored words (`Gemm.wide`, n > 1) runs on cells of operands digit by digit: as many products as
a stored word has operands' widths; sums of rows (n = 1) are element-wise work.

Time: an operation takes max(array, DRAM) cycles, or their sum with buffering = "single"; each tile is issued
(`tile_cycles`); the first operation waits for its first tile (`start`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.counting.counts import Counts, column, issue_cycles, with_stalls
from accel_models.dram import Rows, bytes_of, first_tile
from accel_models.hardware import Hardware
from accel_models.mapper import Choice, Prices, Work, choose
from accel_models.nest import Passes, Timing, array_cycles, folds, parts, passes
from accel_models.systolic import Granules, Shape, array_traffic, ceil_div, granules
from accel_models.table import BoolArray, DesignTable, FloatArray
from accel_models.tiling import Room, Tiles
from accel_models.workload import Gemm

Flat = Callable[[Any], NDArray[Any]]
"""Makes an array of GEMMs x designs of values that broadcast to it."""


class Mapped(NamedTuple):
    """A mapping of each GEMM on each design, arrays (GEMMs, designs).

    tiles: Along each dimension. parts: Their sizes. folds: Blocks of the array that cover each dimension.
    passes: What that moves.
    """

    tiles: Tiles
    parts: Granules
    folds: Granules
    passes: Passes

    def take(self, rows: Sequence[int]) -> "Mapped":
        """Return the mappings of some of the GEMMs."""
        return Mapped(
            Tiles._make(values[rows] for values in self.tiles),
            Granules._make(values[rows] for values in self.parts),
            Granules._make(values[rows] for values in self.folds),
            Passes._make(values[rows] for values in self.passes),
        )


def count_gemms(
    gemms: Sequence[Gemm], ends: Sequence[str], t: DesignTable, h: Hardware, given: Mapped | None = None
) -> Counts:
    """Return the counts of each GEMM, all its `count` products together, under its mapping or a given one."""
    work = work_of(gemms, t, h)
    size = (len(gemms), t.size)
    s = Shape._make(values.reshape(size) for values in work.shape)
    rows = Rows._make(values.reshape(size) for values in work.rows)
    timing = Timing._make(values.reshape(size) for values in work.timing)
    mapped = given or _mapped(work, choose(work), size)
    p = mapped.passes
    digits = np.ceil(h.element / h.word)  # of a stored word, on cells of operands
    products = column([gemm.count for gemm in gemms], t)
    products = products * np.where(column([gemm.wide for gemm in gemms], t) > 0, digits, 1.0)
    moved, bytes_, z = (
        array_traffic(s, mapped.folds, p.loads),
        bytes_of(s, mapped.tiles, mapped.parts, rows),
        s.m * s.n,
    )
    macs = column([gemm.m * gemm.n * gemm.k for gemm in gemms], t)
    crossing_a, crossing_z = _crossing(rows.a_words * h.products * products, z * products, ends, t, h)
    sums = _sums(moved.reads_z, moved.writes_z, p, z, h)
    spilled, result, arrives = (p.z - 1) * bytes_.sums, crossing_z * bytes_.z, p.a * rows.a_words
    tiles, row_tiles = _result_tiles(s, mapped, h, t.shared)
    once, a_reads = np.where(p.a == 1, 1.0, 0.0), crossing_a * p.a * bytes_.a
    counts = {
        "compute_cycles": array_cycles(s, mapped.folds, mapped.parts, p.loads, timing),
        "macs": macs,
        "mac_work": macs * h.mac_energy,
        "sram_reads_a": moved.reads_a * h.products,
        "sram_reads_b": moved.reads_b * h.products,
        "sram_writes_z": moved.writes_z,
        "input_read": moved.reads_a * h.a_step,
        "input_write": arrives * h.a_step,
        "weight_read": moved.reads_b * h.b_step,
        "weight_write": p.b * s.k * s.n * h.b_step,
        **sums,
        "register_bits": macs * h.register_bits,
        "dram_reads": a_reads + p.b * bytes_.b + spilled,
        "dram_writes": result + spilled,
        "result_writes": result,
        "tiles": tiles,
        "row_tiles": row_tiles,
        "a_tiles": once * mapped.tiles.m * mapped.tiles.k,
        "a_row_tiles": once * np.where(mapped.tiles.k == 1, mapped.tiles.m, 0.0),
        "a_reads": a_reads,
        "issued": p.tiles,
    }
    counts["output_read"] = sums["output_read"] + (1 - crossing_a) * arrives * h.products * h.element
    if (products != 1).any():
        counts = {name: value * products for name, value in counts.items()}
    counts["spare"] = _spare(mapped, h, t.shared)
    first = first_tile(s, mapped.parts, bytes_) / t["dram_bandwidth"] + t["dram_latency"]
    begins = column([end in ("first", "both") for end in ends[: len(gemms)]], t) * t.is_("start", "empty")
    return with_stalls(counts, t, s.m.shape, begins * np.ceil(first * t["clock"]))


def work_of(gemms: Sequence[Gemm], t: DesignTable, h: Hardware) -> Work:
    """Return what the mapper needs, flat arrays of GEMMs x designs."""
    shape = (len(gemms), t.size)

    def flat(values: Any) -> NDArray[Any]:
        return np.broadcast_to(values, shape).ravel()

    def sizes(name: str) -> FloatArray:
        return np.array([[getattr(gemm, name)] for gemm in gemms], dtype=np.float64)

    a_words = np.array([[(g.a_distinct or g.m * g.k) + g.a_skipped] for g in gemms], dtype=np.float64)
    steps = np.ceil(sizes("k") / h.products)  # of K: products of one cell and cycle are one step
    columns = (sizes("m"), sizes("n"), steps, t["rows"], t["cols"])
    flags = (t.is_("dataflow", "ws"), t.is_("dataflow", "os"))
    s = Shape._make(flat(values) for values in (*columns, *flags))
    rows = Rows._make(
        flat(values)
        for values in (
            *(t["dram_burst"], a_words / h.products, sizes("taps")),
            *(h.products * h.element, h.b_step, h.element, h.partial),
        )
    )
    timing = Timing._make(
        flat(values) for values in (t.is_("fill", "serial"), t.is_("fill", "overlapped"), t["load_cycles"])
    )
    room = Room._make(
        flat(values)
        for values in (np.maximum(h.a_step, h.b_step), h.partial, *h.usable[:2], h.sums, t.shared, h.apart)
    )
    return Work(s, granules(s), folds(s), room, rows, timing, _prices(s, t, h, flat))


def _prices(s: Shape, t: DesignTable, h: Hardware, flat: Flat) -> Prices:
    """Return what a mapping is chosen by."""
    sums = "accumulator", "output"
    z = [(h.read_pj[name] + h.write_pj[name]) / 2 for name in sums]
    z_pj = flat(np.where(h.apart, *z))
    kept = np.where(
        s.ws,
        s.k * s.n * flat(h.b_step * h.read_pj["weight"]),
        np.where(
            s.os, s.m * s.n * flat(2 * h.partial) * z_pj, s.m * s.k * flat(h.a_step * h.read_pj["input"])
        ),
    )
    return Prices(
        rate=flat(t["dram_bandwidth"] / t["clock"]),
        dram=flat(h.dram_pj),
        a=flat(h.write_pj["input"] * h.a_step / (h.products * h.element)),
        b=flat(h.write_pj["weight"]),
        z=z_pj,
        block=kept,
        issue=flat(issue_cycles(t)),
        single=flat(t.is_("buffering", "single")),
        by_energy=flat(t.is_("mapping", "energy")),
        by_product=flat(t.is_("mapping", "edp")),
    )


def _mapped(work: Work, choice: Choice, shape: tuple[int, ...]) -> Mapped:
    sizes = parts(work.shape, work.unit, choice.tiles)
    p = passes(work.shape, work.folds, choice.tiles, choice.stays)

    def back(columns: Sequence[FloatArray]) -> Iterator[FloatArray]:
        return (values.reshape(shape) for values in columns)

    return Mapped(
        Tiles._make(back(choice.tiles)),
        Granules._make(back(sizes)),
        Granules._make(back(work.folds)),
        Passes._make(back(p)),
    )


def _sums(reads: FloatArray, writes: FloatArray, p: Passes, z: FloatArray, h: Hardware) -> Counts:
    """Return bytes read and written where sums live; from accumulators results reach the output once.

    Sums are read to be added to, and to leave, for good or to return.
    """
    read, write = (reads + p.z * z) * h.partial, (writes + (p.z - 1) * z) * h.partial
    once = np.where(h.apart, z * h.element, 0.0)
    return {
        "output_read": np.where(h.apart, once, read),
        "output_write": np.where(h.apart, once, write),
        "accumulator_read": np.where(h.apart, read, 0.0),
        "accumulator_write": np.where(h.apart, write, 0.0),
    }


def _result_tiles(s: Shape, mapped: Mapped, h: Hardware, shared: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the tiles in which a result leaves the array complete, and those of whole rows; 0 for none.

    Tiles beside each other make whole rows if the output scratchpad takes those over all of N, with the
    operands' tiles where it is shared.
    """
    unit, p, rows = granules(s), mapped.passes, mapped.parts.m
    operands = np.where(shared, unit.k * (rows * h.a_step + s.n * h.b_step), 0.0)
    whole = (p.a == 1) & (rows * s.n * h.partial + operands <= h.usable[2])
    least = ceil_div(s.m * s.n * h.partial, h.usable[2])
    once = np.where(p.z == 1, 1.0, 0.0)
    tiles, rows = np.maximum(mapped.tiles.m * mapped.tiles.n, least), np.maximum(mapped.tiles.m, least)
    return once * tiles, once * whole * rows


def _spare(mapped: Mapped, h: Hardware, shared: BoolArray) -> FloatArray:
    """Return the bytes of the output scratchpad beside a tile's sums, or results on their way out."""
    m, n, k = mapped.parts
    operands = np.where(shared, k * (m * h.a_step + n * h.b_step), 0.0)
    return np.maximum(h.usable[2] - m * n * np.where(h.apart, h.element, h.partial) - operands, 0.0)


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
