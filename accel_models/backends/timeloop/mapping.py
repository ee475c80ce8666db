"""Our mapping of a GEMM on a design as loops that divide, as Timeloop's version 4 front end wants them.

The analytic model tiles with borders: five tiles of 768 columns are four of 160 and one of 128. The front end
refuses such a remainder. So the mapping is chosen among those that divide:

- Along a dimension on cells there are as many folds as in the model, ceil(size / lanes), and as few cells of
  each as cover the size: 147 on 16 rows are 10 folds of 14.7, that is of 15. Cycles are then the model's.
- Of all tile counts that divide the folds, and orders of the loops over tiles, that fit the scratchpads, the
  one is taken with the least product of cycles and DRAM bytes: the model's own rule, least DRAM bytes, where
  cycles do not depend on it.
- Where no good tile count divides (13 folds, 197 rows), more folds than needed are allowed if that lowers the
  product by a quarter.

What loops cover beyond the GEMM is padding, which is reported beside every figure. Over common layers of BERT
and ResNet DRAM bytes come out 0 to 10% above the model's, with 197 rows up to a third.
"""

import math
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.backends.timeloop.architecture import ARRAY, ON_COLS, ON_ROWS, ROW_BITS, buffers
from accel_models.backends.timeloop.specs import INNERMOST_FIRST
from accel_models.checks import refuse
from accel_models.design import Design
from accel_models.feasible import reasons
from accel_models.hardware import Hardware, derive
from accel_models.mapping import DIMENSIONS, INDEXED_BY, Loops, Mapping
from accel_models.table import from_designs
from accel_models.workload import Gemm, Workload

_WORTH = 0.75
"""More folds than needed must lower the product of cycles and bytes at least to this share."""

_MOST_SPLITS = 96
"""Tile counts tried along a dimension; where there are more, as many of them evenly spread."""

Array = NDArray[np.float64]


class _Splits(NamedTuple):
    """Ways to cover one dimension: tiles, steps inside a tile, cells; arrays of one length."""

    tiles: Array
    steps: Array
    cells: Array


def choose(design: Design, gemm: Gemm) -> Mapping:
    """Return our mapping of one product of a GEMM on a design.

    Raises:
        ValueError: If not even the least tile fits the scratchpads; the line names the field.
    """
    table = from_designs([design])
    hardware = derive(table)
    if why := reasons(Workload([gemm]), table, hardware)[0]:
        raise ValueError(why)
    best, padded = (_best(design, hardware, gemm, exact=exact) for exact in (True, False))
    if padded.cost < _WORTH * best.cost:
        best = padded
    if best.cost == math.inf:
        sizes = ", ".join(f"{buffer.name} {buffer.size}" for buffer in buffers(design))
        raise refuse("scratchpads", sizes, f"whole rows of {ROW_BITS // 8} bytes that hold a tile")
    tiles, steps, cells = (dict(zip(DIMENSIONS, part, strict=True)) for part in best.bounds)
    inner = "".join(reversed(INNERMOST_FIRST[design.dataflow]))
    return Mapping(
        Loops(tiles["M"], tiles["N"], tiles["K"], best.order),
        Loops(steps["M"], steps["N"], steps["K"], inner),
        Loops(cells["M"], cells["N"], cells["K"]),
        stationary=ARRAY[design.dataflow],
    )


def padding(gemm: Gemm, mapping: Mapping) -> float:
    """Return the share of a mapping's multiply-adds that the GEMM does not need, 0 to 1."""
    covered = math.prod(mapping.padded(dimension) for dimension in DIMENSIONS)
    return 1 - gemm.m * gemm.n * gemm.k / covered


class _Choice(NamedTuple):
    """The best tiling of a grid: its cost, the order of its loops over tiles, outermost first, its bounds.

    bounds: tiles, steps inside a tile and cells, each along M, N and K.
    """

    cost: float
    order: str
    bounds: tuple[tuple[int, ...], ...]


def _best(design: Design, hardware: Hardware, gemm: Gemm, *, exact: bool) -> _Choice:
    splits = {d: _splits(getattr(gemm, d.lower()), _lanes(design, d), exact=exact) for d in DIMENSIONS}
    cost, order, at = _Grid(design, hardware, splits).best()
    bounds = (tuple(int(splits[d][part][at[d]]) for d in DIMENSIONS) for part in range(3))
    return _Choice(cost, order, tuple(bounds))


def _lanes(design: Design, dimension: str) -> int:
    if dimension == ON_COLS[design.dataflow]:
        return design.cols
    return design.rows if dimension == ON_ROWS[design.dataflow] else 1


def _splits(size: int, lanes: int, *, exact: bool) -> _Splits:
    folds = -(-size // lanes)
    most = range(1, math.isqrt(folds) + 1)
    steps = {step for step in most if folds % step == 0 or not exact}
    steps |= {-(-folds // tiles) for tiles in most if folds % tiles == 0 or not exact}
    chosen = np.array(sorted(steps, reverse=True), dtype=np.float64)
    if chosen.size > _MOST_SPLITS:
        chosen = chosen[np.linspace(0, chosen.size - 1, _MOST_SPLITS).round().astype(np.intp)]
    tiles = np.ceil(folds / chosen)
    return _Splits(tiles, chosen, np.ceil(size / (tiles * chosen)))


class _Grid:
    """All combinations of splits of M, N and K, as arrays that broadcast to (M, N, K)."""

    def __init__(self, design: Design, hardware: Hardware, splits: dict[str, _Splits]) -> None:
        self.design, self.word, self.partial = design, float(hardware.word[0]), float(hardware.partial[0])
        self.room = [float(buffer.room(design)) for buffer in buffers(design)]
        self.tiles = {d: _along(splits[d].tiles, d) for d in DIMENSIONS}
        self.tile = {d: _along(splits[d].steps * splits[d].cells, d) for d in DIMENSIONS}
        self.steps = math.prod(_along(splits[d].tiles * splits[d].steps, d) for d in DIMENSIONS)

    def best(self) -> tuple[float, str, dict[str, int]]:
        """Return the least cost, the order of its loops over tiles, and each dimension's split."""
        fits, found = self._fits(), (math.inf, "MNK", 0)
        shape = np.broadcast_shapes(*(sizes.shape for sizes in self.tiles.values()))
        for letters in permutations(DIMENSIONS):
            order = "".join(letters)
            moved = self._bytes(order)
            transfer = moved * self.design.clock / self.design.dram_bandwidth
            cost = np.broadcast_to(np.where(fits, np.maximum(self.steps, transfer) * moved, np.inf), shape)
            at = int(np.argmin(cost))
            found = min(found, (float(cost.flat[at]), order, at), key=lambda item: item[0])
        place = map(int, np.unravel_index(found[2], shape))
        return found[0], found[1], dict(zip(DIMENSIONS, place, strict=True))

    def _fits(self) -> NDArray[np.bool_]:
        widths = {"A": self.word, "B": self.word, "Z": self.partial}
        need = [widths[x] * math.prod(self.tile[d] for d in INDEXED_BY[x]) for x in INDEXED_BY]
        if self.design.shared_buffer is not None:
            return np.asarray(sum(need) <= self.room[0])
        a, b, z = (bytes_ <= room for bytes_, room in zip(need, self.room, strict=True))
        return np.asarray(a & b & z)

    def _bytes(self, order: str) -> Array:
        """Return DRAM bytes: operands once a pass, results once, partial sums out and back for each more."""
        moved = {x: self._words(x) * self._passes(x, order) for x in INDEXED_BY}
        result = self._words("Z")
        spilled = 2 * (moved["Z"] - result) * self.partial
        return np.asarray((moved["A"] + moved["B"] + result) * self.word + spilled)

    def _words(self, matrix: str) -> Array:
        return np.asarray(math.prod(self.tiles[d] * self.tile[d] for d in INDEXED_BY[matrix]))

    def _passes(self, matrix: str, order: str) -> Array:
        """Return how often a matrix crosses: the loop it ignores counts if one it knows turns inside it."""
        other = next(d for d in DIMENSIONS if d not in INDEXED_BY[matrix])
        inside = math.prod(self.tiles[d] for d in order[order.index(other) + 1 :])
        return np.where(np.asarray(inside) > 1, self.tiles[other], 1.0)


def _along(values: Array, dimension: str) -> Array:
    """Shape the values of one dimension so that those of three broadcast together."""
    shape = [1, 1, 1]
    shape[DIMENSIONS.index(dimension)] = values.size
    return values.reshape(shape)
