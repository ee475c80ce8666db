"""What chains of element-wise work count, scheduled a tile at a time (`Design.schedule` = "fused").

A chain works in the output scratchpad, a tile at a time: as many words of its tensors, or whole rows or
lines, as fit with all that is alive. Where an operation by itself would stream (`elements`), it reads only
what comes from outside the chain, once, and writes only what others need. With activations = "on_chip" a
tensor that an operation computed and that fits the input and the output scratchpad whole stays there, as
GEMMs' results do.

A chain that joins the GEMM before it works on tiles of its result before they leave: the result is neither
written nor read back, and the two share the array and the way to DRAM. The tiles must hold whole rows where
the chain needs rows, and sums must be complete in one go. A chain that joins the GEMM after it makes its A, a
tile at a time, beside the GEMM's own tile; each word of A must be brought in once, and where the chain needs
rows the tile must hold whole ones. A GEMM is joined by one chain at most, of two by the one after it.

Each chain runs on each design in the way that takes the least time, then the least traffic: an operation at
a time, fused, joined to the GEMM before it, or to the one after it. `schedule = "operation"` leaves the first
alone.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from accel_models.counting.counts import COUNTS, Counts, column, stalls
from accel_models.counting.elements import Elements, elements_of, with_transfers
from accel_models.hardware import Hardware
from accel_models.schedule import Chain
from accel_models.systolic import ceil_div
from accel_models.table import BoolArray, DesignTable, FloatArray
from accel_models.workload import Workload

OF_GEMM = ("stall_cycles", "dram_writes", "result_writes")
"""What a GEMM counts differently where a chain joins it that works on its result."""
OF_FED = ("stall_cycles", "dram_reads", "output_read")
"""The same of a chain that makes its A."""


class Products(NamedTuple):
    """Counts of a workload's GEMMs, (GEMMs, designs).

    row: Where those of a place in the workload are.
    joins: The chain that can work on the result of a place's GEMM.
    """

    counts: Counts
    row: Mapping[int, int]
    joins: Mapping[int, int]

    def of(self, places: Sequence[int | None]) -> Counts:
        """Return the counts of the GEMM at each place; of any where there is none."""
        rows = [0 if place is None else self.row[place] for place in places]
        return {name: values[rows] for name, values in self.counts.items()}


class ChainCounts(NamedTuple):
    """What chains count.

    steps: Of each operation, arrays (operations, designs), chain after chain.
    joined: What the GEMM before each chain counts more, or less, where the chain joins it; (chains, designs).
    fed: The same of the GEMM after it.
    """

    steps: Counts
    joined: Counts
    fed: Counts


class _Way(NamedTuple):
    """One way to run chains.

    compute, reads, writes, waits: Of each operation: cycles, bytes read from DRAM and written there, cycles
    that it waits for DRAM (0 where the chain's GEMM waits).
    cycles, moved: Of each chain: cycles in all, bytes to and from DRAM.
    """

    compute: FloatArray
    reads: FloatArray
    writes: FloatArray
    waits: FloatArray
    cycles: FloatArray
    moved: FloatArray


def count_chains(
    found: Sequence[Chain], workload: Workload, products: Products, t: DesignTable, h: Hardware
) -> ChainCounts:
    """Return the counts of chains on each design."""
    s = _Steps(found, workload, t, h)
    fused = t.is_("schedule", "fused")
    nothing = np.zeros((len(found), t.size))
    best, joined, fed = _alone(s), dict.fromkeys(OF_GEMM, nothing), dict.fromkeys(OF_FED, nothing)
    if fused.any():
        tiles, able = _tiles(s)
        best = _taken(s, best, (way := _in_tiles(s, tiles)), able & fused & _less(way, best))
        best, joined, taken = _joined(s, best, joined, products, fused)
        best, joined, fed = _feeding(
            s, best, joined, fed, products, fused & ~_taken_by_others(s, products, taken)
        )
    return ChainCounts(_counts(s, best), joined, fed)


class _Steps:
    """The operations of chains: a row an operation, or a chain, and a column a design."""

    def __init__(self, found: Sequence[Chain], workload: Workload, t: DesignTable, h: Hardware) -> None:
        self.found, self.t, self.h = found, t, h
        self.steps = [step for chain in found for step in chain.steps]
        lengths = [len(chain.steps) for chain in found]
        self.starts = np.cumsum([0, *lengths[:-1]])
        self.owner = np.repeat(np.arange(len(found)), lengths)
        operations = [workload.operations[step.index] for step in self.steps]
        self.work: Elements = elements_of(operations, workload, t, h)

    def total(self, values: FloatArray) -> FloatArray:
        """Add up what operations count, a chain."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=0), dtype=np.float64)

    def crossing(self, elements: Sequence[float]) -> FloatArray:
        """Return the words of results, an operation, that do not stay on chip."""
        room, words = np.minimum(self.h.usable[0], self.h.usable[2]), column(elements, self.t)
        stays = self.t.is_("activations", "on_chip") & (words * self.h.element <= room)
        return np.where(stays, 0.0, words)

    def way(self, compute: FloatArray, reads: FloatArray, writes: FloatArray) -> _Way:
        """Return a way in which a chain's work and all its transfers overlap.

        What it waits is shared out, in whole cycles, by what its operations move.
        """
        each = reads + writes + self.work.loads
        work, moved = self.total(compute), self.total(each)
        waits = stalls(moved, work, self.t)
        share = np.floor((waits / np.maximum(moved, 1.0))[self.owner] * each)
        share[self.starts] += waits - self.total(share)
        return _Way(compute, reads, writes, share, work + waits, moved)


def _alone(s: _Steps) -> _Way:
    """An operation at a time, each with its own transfers."""
    w = s.work
    compute, reads, writes = w.cycles(np.ones_like(w.work), s.t), w.streams * w.reads, w.streams * w.results
    each = reads + writes + w.loads
    waits = stalls(each, compute, s.t)
    return _Way(compute, reads, writes, waits, s.total(compute + waits), s.total(each))


def _tiles(s: _Steps) -> tuple[FloatArray, BoolArray]:
    """Return the fewest tiles that each chain is run in, and where a block fits with all that is alive."""
    size, block, live = (
        np.array([[getattr(chain, name)] for chain in s.found], dtype=np.float64)
        for name in ("elements", "block", "live")
    )
    fit = np.floor(s.h.usable[2] / (s.h.element * live / size * block))
    blocks = ceil_div(size, block)
    return ceil_div(blocks, np.clip(fit, 1.0, blocks)), fit >= 1.0


def _in_tiles(s: _Steps, tiles: FloatArray, *, join: bool = False, feed: bool = False) -> _Way:
    """A tile at a time: what the chain needs from elsewhere is read once, what others need is written.

    `join`: the GEMM before it hands over its result; `feed`: the GEMM after it takes the chain's.
    """
    read = np.zeros_like(s.work.work)
    for place in range(max(len(step.reads) for step in s.steps)):
        streams = [step.reads[place] if place < len(step.reads) else None for step in s.steps]
        made = [r.elements if r and r.made and not (join and r.joined) else 0.0 for r in streams]
        outside = [r.elements if r and not r.made else 0.0 for r in streams]
        read = read + s.crossing(made) + column(outside, s.t)
    written = s.crossing([0 if feed else step.leaves for step in s.steps])
    bytes_ = s.work.streams * s.h.element
    return s.way(s.work.cycles(tiles[s.owner], s.t), bytes_ * read, bytes_ * written)


def _less(way: _Way, best: _Way) -> BoolArray:
    """Return where a way takes less time, or as much and less traffic."""
    equal = (way.cycles == best.cycles) & (way.moved < best.moved)
    return np.asarray((way.cycles < best.cycles) | equal)


def _taken(s: _Steps, best: _Way, way: _Way, chosen: BoolArray) -> _Way:
    """Take the other way where it is chosen."""
    rows = chosen[s.owner]
    steps = (np.where(rows, new, old) for new, old in zip(way[:4], best[:4], strict=True))
    chains = (np.where(chosen, new, old) for new, old in zip(way[4:], best[4:], strict=True))
    return _Way(*steps, *chains)


def _joined(
    s: _Steps, best: _Way, joined: Counts, products: Products, fused: BoolArray
) -> tuple[_Way, Counts, BoolArray]:
    """Join chains to the GEMMs before them where that costs less; their waiting is then the GEMM's."""
    joins = np.array([[chain.gemm is not None] for chain in s.found])
    if not joins.any():
        return best, joined, np.zeros_like(best.cycles, dtype=np.bool_)
    of = products.of([chain.gemm for chain in s.found])
    tiles, able = _tiles_of(s, of)
    way, waits = _together(s, _in_tiles(s, np.maximum(tiles, 1.0), join=True), of, of["result_writes"])
    chosen = able & joins & fused & _less(way, best)
    changes = (waits, -of["result_writes"], -of["result_writes"])
    found = {name: np.where(chosen, new, 0.0) for name, new in zip(OF_GEMM, changes, strict=True)}
    return _taken(s, best, way, chosen), found, chosen


def _feeding(
    s: _Steps, best: _Way, joined: Counts, fed: Counts, products: Products, free: BoolArray
) -> tuple[_Way, Counts, Counts]:
    """Join chains to the GEMMs after them where that costs less still."""
    feeds = np.array([[chain.feeds is not None] for chain in s.found])
    if not feeds.any():
        return best, joined, fed
    of = products.of([chain.feeds for chain in s.found])
    tiles, able = _tiles_for(s, of)
    way, waits = _together(s, _in_tiles(s, tiles, feed=True), of, of["a_reads"])
    chosen = able & feeds & free & _less(way, best)
    made = column([chain.steps[-1].leaves for chain in s.found], s.t) * s.h.element
    changes = (waits, -of["a_reads"], np.where(of["a_reads"] > 0, made, 0.0))
    found = {name: np.where(chosen, new, 0.0) for name, new in zip(OF_FED, changes, strict=True)}
    left = {name: np.where(chosen, 0.0, values) for name, values in joined.items()}
    return _taken(s, best, way, chosen), left, found


def _together(s: _Steps, way: _Way, of: Counts, spared: FloatArray) -> tuple[_Way, FloatArray]:
    """Return chains that share array and DRAM with a GEMM, and what it waits more; it spares some bytes."""
    before, work, moved = of["dram_reads"] + of["dram_writes"], s.total(way.compute), way.moved - spared
    lost = of["stall_cycles"] - stalls(before, of["compute_cycles"], s.t)  # whatever the traffic
    waits = stalls(before + moved, of["compute_cycles"] + work, s.t) + lost - of["stall_cycles"]
    return way._replace(waits=np.zeros_like(way.waits), cycles=work + waits, moved=moved), waits


def _taken_by_others(s: _Steps, products: Products, joined: BoolArray) -> BoolArray:
    """Return where the GEMM that a chain feeds is joined by the chain after it: only one can."""
    rivals = [None if chain.feeds is None else products.joins.get(chain.feeds) for chain in s.found]
    return np.array([np.zeros(s.t.size, np.bool_) if place is None else joined[place] for place in rivals])


def _tiles_for(s: _Steps, gemm: Counts) -> tuple[FloatArray, BoolArray]:
    """Return the fewest tiles in which chains make A, and where they can.

    Each word of A must come once. A chain of rows needs tiles of whole rows, a block of any chain room beside
    the GEMM's own tile.
    """
    size, block, live, rows = (
        np.array([[getattr(chain, name)] for chain in s.found], dtype=np.float64)
        for name in ("elements", "block", "live", "rows")
    )
    tiles = np.where(rows > 0, gemm["a_row_tiles"], gemm["a_tiles"])
    fit = np.floor(gemm["spare"] / (s.h.element * live / size * block))
    blocks = ceil_div(size, block)
    return np.maximum(tiles, ceil_div(blocks, np.clip(fit, 1.0, blocks))), (tiles > 0) & (fit >= 1.0)


def _tiles_of(s: _Steps, gemm: Counts) -> tuple[FloatArray, BoolArray]:
    """Return the tiles of results that chains work on, and where they can.

    A chain of rows needs tiles of whole rows, and room: all that is alive takes the place of the tile's sums.
    """
    rows = np.array([[chain.block > 1] for chain in s.found])
    live = np.array([[chain.live / chain.elements] for chain in s.found])
    tiles = np.where(rows, gemm["row_tiles"], gemm["tiles"])
    return tiles, (tiles > 0) & (~rows | (live * s.h.element <= s.h.partial))


def _counts(s: _Steps, way: _Way) -> Counts:
    """Return the counts of each operation."""
    counts = with_transfers(s.work, way.reads, way.writes)
    counts |= {"compute_cycles": way.compute, "stall_cycles": way.waits}
    zero = np.broadcast_to(0.0, way.compute.shape)
    return {name: np.broadcast_to(counts.get(name, zero), zero.shape) for name in COUNTS}
