"""What tiles and their order do, vectorised: passes over DRAM, loads of what the cells keep, array cycles.

The rule is that of any loop nest (Parashar et al., ISPASS 2019): a matrix moves once for every turn of the
loops that it ignores and that lie outside its innermost loop of more than one step. Inside a tile the loops
run as the dataflow wants them: what streams past the cells goes innermost.

    ws: N, K, then M streams     os: M, N, then K streams     is: M, K, then N streams

So with more than one fold in a tile, the stationary block is loaded again for each tile of the streamed
dimension; with one fold, only when the loops over tiles bring another.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.systolic import BoolArray, FloatArray, Granules, Shape, ceil_div, granules, skew
from accel_models.tiling import STAYS, Tiles, tile


class Passes(NamedTuple):
    """What a mapping moves.

    a, b: Times that A and B are read from DRAM. z: times that the result goes there; all but the last are
    partial sums, which return. loads: times that each block of the stationary matrix enters the cells (os:
    that its sums do, or begin). tiles: tiles in all.
    """

    a: FloatArray
    b: FloatArray
    z: FloatArray
    loads: FloatArray
    tiles: FloatArray


def folds(s: Shape) -> Granules:
    """Return the granules that cover each dimension."""
    unit = granules(s)
    return Granules(ceil_div(s.m, unit.m), ceil_div(s.n, unit.n), ceil_div(s.k, unit.k))


def parts(s: Shape, unit: Granules, tiles: Tiles) -> Granules:
    """Return the sizes of a tile where a dimension is cut into as equal tiles as granules allow."""
    return Granules(*(tile(*sizes) for sizes in zip((s.m, s.n, s.k), unit, tiles, strict=True)))


def passes(s: Shape, f: Granules, tiles: Tiles, stays: NDArray[np.intp]) -> Passes:
    """Return what tiles move, in the order that keeps a matrix on chip (an index into `tiling.STAYS`)."""
    m, n, k = tiles
    of_a, of_b, of_z = (stays == STAYS.index(name) for name in "ABZ")
    a = np.where(~of_a & (np.where(of_b, m, 1.0) * k > 1), n, 1.0)
    b = np.where(~of_b & (n * k > 1), m, 1.0)
    z = np.where(~of_z & (np.where(of_a, n, m) > 1), k, 1.0)
    return Passes(a, b, z, _loads(s, f, tiles, (a, b, z)), m * n * k)


def _loads(
    s: Shape, f: Granules, tiles: Tiles, moved: tuple[FloatArray, FloatArray, FloatArray]
) -> FloatArray:
    several = [count > of for count, of in zip(f, tiles, strict=True)]  # folds in a tile, along M, N, K
    first = np.where(s.ws, several[1], several[0])
    second = np.where(s.os, several[1], several[2])
    streamed = np.where(s.ws, tiles.m, np.where(s.os, tiles.k, tiles.n))
    outside = np.where(s.ws, moved[1], np.where(s.os, moved[2], moved[0]))
    return np.where(first | second, streamed, outside)


class Timing(NamedTuple):
    """How an array fills: serial and overlapped as in `Design.fill`; entering: cycles a load holds it up."""

    serial: BoolArray
    overlapped: BoolArray
    entering: FloatArray


def array_cycles(s: Shape, f: Granules, parts: Granules, loads: FloatArray, timing: Timing) -> FloatArray:
    """Return the cycles of one GEMM without waiting for DRAM; `parts` are the sizes of a tile.

    serial: every load of a block pays its skew, R + C - 2 (os) or 2R + C - 2 (ws, is), as SCALE-Sim.
    overlapped: one fill in all, but what streams past a block takes no less than the next one needs to enter
    (or, os, its sums to leave): R cycles. TPU v1 hides its 256 cycles so (Jouppi et al., ISCA 2017, section
    2). none: no fill, as Timeloop.
    """
    streamed = np.where(s.ws, s.m, np.where(s.os, s.k, s.n))
    blocks = np.where(s.ws, f.n * f.k, np.where(s.os, f.m * f.n, f.m * f.k))
    fill = skew(s)
    cycles = blocks * (streamed + loads * (timing.serial * fill + timing.entering))
    if timing.overlapped.any():
        part = np.where(s.ws, parts.m, np.where(s.os, parts.k, parts.n))
        cycles = cycles + timing.overlapped * (fill + _short(s, blocks, streamed, part, loads))
    return np.asarray(cycles)


def _short(
    s: Shape, blocks: FloatArray, streamed: FloatArray, part: FloatArray, loads: FloatArray
) -> FloatArray:
    """Return the cycles by which streams are shorter than R, but for that of the last load."""
    last = np.maximum(s.rows - np.where(loads > 1, streamed - (loads - 1) * part, streamed), 0.0)
    return np.asarray(blocks * ((loads - 1) * np.maximum(s.rows - part, 0.0) + last) - last)
