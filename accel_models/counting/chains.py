"""What chains of element-wise work count, scheduled a tile at a time (`Design.schedule` = "fused").

A chain works in the output scratchpad, a tile at a time: as many words of its tensors, or whole rows or
lines, as fit with all that is alive. Where an operation by itself would stream (`elements`), it reads only
what comes from outside the chain, once, and writes only what others need. With activations = "on_chip" a
tensor that an operation computed and that fits the input and the output scratchpad whole stays there, as
GEMMs' results do.

A chain that joins a GEMM works on tiles of its result before they leave: the result is neither written nor
read back, and the two share the array and the way to DRAM. The tiles must hold whole rows where the chain
needs rows, and sums must be complete in one go.

Each chain runs on each design in the way that takes the least time, then the least traffic: an operation at a
time, fused, or joined. `schedule = "operation"` leaves the first alone.
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
"""What a GEMM counts differently where a chain joins it."""


class Products(NamedTuple):
    """Counts of a workload's GEMMs, (GEMMs, designs), and where that of a place in the workload is."""

    counts: Counts
    row: Mapping[int, int]


class ChainCounts(NamedTuple):
    """What chains count.

    steps: Of each operation, arrays (operations, designs), chain after chain.
    joined: What the GEMM of each chain counts more, or less, where the chain joins it; (chains, designs).
    """

    steps: Counts
    joined: Counts


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
    best, joined = _alone(s), dict.fromkeys(OF_GEMM, np.zeros((len(found), t.size)))
    if fused.any():
        tiles, able = _tiles(s)
        best = _taken(s, best, (way := _in_tiles(s, tiles)), able & fused & _less(way, best))
        best, joined = _joined(s, best, joined, products, fused)
    return ChainCounts(_counts(s, best), joined)


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


def _in_tiles(s: _Steps, tiles: FloatArray, *, join: bool = False) -> _Way:
    """A tile at a time: what the chain needs from elsewhere is read once, what others need is written."""
    read = np.zeros_like(s.work.work)
    for place in range(max(len(step.reads) for step in s.steps)):
        streams = [step.reads[place] if place < len(step.reads) else None for step in s.steps]
        made = [r.elements if r and r.made and not (join and r.joined) else 0.0 for r in streams]
        outside = [r.elements if r and not r.made else 0.0 for r in streams]
        read = read + s.crossing(made) + column(outside, s.t)
    written = s.crossing([step.leaves for step in s.steps])
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
) -> tuple[_Way, Counts]:
    """Join chains to the GEMMs before them where that costs less; their waiting is then the GEMM's."""
    joins = np.array([[chain.gemm is not None] for chain in s.found])
    if not joins.any():
        return best, joined
    row = [0 if chain.gemm is None else products.row[chain.gemm] for chain in s.found]
    of = {name: values[row] for name, values in products.counts.items()}
    tiles, able = _tiles_of(s, of)
    way = _in_tiles(s, np.maximum(tiles, 1.0), join=True)
    before, work = of["dram_reads"] + of["dram_writes"], s.total(way.compute)
    lost = of["stall_cycles"] - stalls(before, of["compute_cycles"], s.t)  # whatever the traffic
    moved = way.moved - of["result_writes"]
    waits = stalls(before + moved, of["compute_cycles"] + work, s.t) + lost
    way = way._replace(waits=np.zeros_like(way.waits), cycles=work + waits - of["stall_cycles"], moved=moved)
    chosen = able & joins & fused & _less(way, best)
    changes = (waits - of["stall_cycles"], -of["result_writes"], -of["result_writes"])
    found = {name: np.where(chosen, new, 0.0) for name, new in zip(OF_GEMM, changes, strict=True)}
    return _taken(s, best, way, chosen), found


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
