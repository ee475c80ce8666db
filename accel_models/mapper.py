"""The mapping of each GEMM on each design, chosen for a stated cost (`Design.mapping`): the least of all.

Of all tiles of whole folds that fit and all matrices that may stay on chip (`tiling`), counted exactly
(`nest`, `dram`), the one is taken that costs least:

    latency: cycles, then energy      energy: energy, then cycles      edp: their product, then energy

The cycles are the greater of the array's and DRAM's (their sum, with buffering = "single"), and those of
issuing tiles. The energy is that of DRAM and scratchpads: the rest does not depend on the mapping, but for
leakage, which follows the cycles. Of equal ones the first is taken: by what stays, then by the fewest tiles
of M, of N, of K.

`least` says so in numpy. `_mapper.c` chooses the same, to the last tie, without trying what cannot win, and
in less than a hundredth of the time; where it was not built, `NATIVE` is False and `least` serves.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.dram import Rows, bytes_of
from accel_models.nest import Timing, array_cycles, parts, passes
from accel_models.systolic import BoolArray, FloatArray, Granules, Shape
from accel_models.tiling import STAYS, Room, Tiles, cuts, fit

try:
    from accel_models import _mapper

    NATIVE = True
except ImportError:
    NATIVE = False


EACH = np.arange(len(STAYS))[:, None]
"""Each matrix that may stay, (3, 1)."""


class Prices(NamedTuple):
    """What a mapping is chosen by, an element.

    rate: bytes that DRAM moves a cycle. dram: pJ a byte of it. a, b, z: pJ a byte that enters the input or
    the weight scratchpad, and that enters and leaves the memory of sums. block: pJ to load all blocks of the
    stationary matrix once more. issue: cycles a tile. single: nothing overlaps.
    """

    rate: FloatArray
    dram: FloatArray
    a: FloatArray
    b: FloatArray
    z: FloatArray
    block: FloatArray
    issue: FloatArray
    single: BoolArray
    by_energy: BoolArray
    by_product: BoolArray


class Work(NamedTuple):
    """GEMMs on designs: flat arrays of one length in each part."""

    shape: Shape
    unit: Granules
    folds: Granules
    room: Room
    rows: Rows
    timing: Timing
    prices: Prices

    def take(self, index: NDArray[np.intp]) -> "Work":
        """Return the elements at an index."""
        return Work._make(type(part)._make(column.take(index) for column in part) for part in self)


class Choice(NamedTuple):
    """The mapping chosen, an element: tiles, and the matrix that stays, an index into `tiling.STAYS`."""

    tiles: Tiles
    stays: NDArray[np.intp]


class Cost(NamedTuple):
    """The stated cost of a mapping, and what tells equal ones apart."""

    stated: FloatArray
    tie: FloatArray


def choose(work: Work) -> Choice:
    """Return the best mapping of each element; its least tile where not even that fits."""
    if not NATIVE:
        return least(work)
    columns = np.array([column for part in work for column in part], dtype=np.float64)
    found = np.empty((4, columns.shape[1]))
    _mapper.choose(columns, found)
    return Choice(Tiles(*found[:3]), found[3].astype(np.intp))


def least(work: Work) -> Choice:
    """Return what `choose` does, by trying all that there is."""
    found = [_least(work.take(np.array([place]))) for place in range(work.shape.m.size)]
    m, n, k, stays = np.array(found).T
    return Choice(Tiles(m, n, k), stays.astype(np.intp))


def _least(work: Work) -> tuple[float, ...]:
    """Return tiles along M, N and K, and what stays, of one element."""
    grid = np.meshgrid(*(cuts(float(folds[0])) for folds in work.folds), indexing="ij")
    tiles = Tiles(*(count.ravel() for count in grid))
    able = fits(work, tiles)
    if not able.any():
        return (*(float(folds[0]) for folds in work.folds), 0.0)
    tiles = Tiles(*(count[able] for count in tiles))
    cost = counted(work, tiles, EACH)
    place, at = np.unravel_index(np.lexsort((cost.tie.ravel(), cost.stated.ravel()))[0], cost.tie.shape)
    return (*(float(count[at]) for count in tiles), float(place))


def fits(work: Work, tiles: Tiles) -> BoolArray:
    """Return where tiles fit the scratchpads; those of M are padded to whole folds."""
    whole = work.shape._replace(m=work.unit.m * work.folds.m)
    return fit(work.room, parts(whole, work.unit, tiles))


def counted(work: Work, tiles: Tiles, stays: NDArray[np.intp]) -> Cost:
    """Return what mappings cost, whether they fit or not; all arrays broadcast to each other."""
    s, price = work.shape, work.prices
    p, sizes = passes(s, work.folds, tiles, stays), parts(s, work.unit, tiles)
    bytes_ = bytes_of(s, tiles, sizes, work.rows)
    moved = bytes_.moved(p)
    transfer, array = moved / price.rate, array_cycles(s, work.folds, sizes, p.loads, work.timing)
    waits = np.where(price.single, transfer + array, np.maximum(transfer, array))
    cycles = waits + price.issue * p.tiles
    inside = p.a * bytes_.a * price.a + p.b * bytes_.b * price.b + 2 * (p.z - 1) * bytes_.sums * price.z
    energy = moved * price.dram + inside + p.loads * price.block
    stated = np.where(price.by_energy, energy, np.where(price.by_product, cycles * energy, cycles))
    return Cost(stated, np.where(price.by_energy, cycles, energy))
