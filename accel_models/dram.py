"""Bytes that a mapping moves to and from DRAM, in whole bursts.

A tile's row is a run of addresses: what a tile takes of one row of a matrix, or of one pixel's channels where
A is a convolution's windows (`Gemm.taps`). A run that is no multiple of a burst moves whole bursts all the
same; rows and pixels that a tile takes whole follow each other without a gap.
"""

from typing import NamedTuple

import numpy as np

from accel_models.nest import Passes
from accel_models.systolic import FloatArray, Granules, Shape, ceil_div
from accel_models.tiling import Tiles


class Rows(NamedTuple):
    """How matrices lie in DRAM.

    burst: bytes. a_words: words of A that differ. taps: runs of words in a row of A. a, b, z, sums: bytes a
    word of A, B, the result and a partial sum.
    """

    burst: FloatArray
    a_words: FloatArray
    taps: FloatArray
    a: FloatArray
    b: FloatArray
    z: FloatArray
    sums: FloatArray


class Bytes(NamedTuple):
    """Bytes of one pass over A, B, the result, and the partial sums."""

    a: FloatArray
    b: FloatArray
    z: FloatArray
    sums: FloatArray

    def moved(self, p: Passes) -> FloatArray:
        """Return all bytes to and from DRAM."""
        return p.a * self.a + p.b * self.b + self.z + 2 * (p.z - 1) * self.sums


def bytes_of(s: Shape, tiles: Tiles, parts: Granules, rows: Rows) -> Bytes:
    """Return the bytes of one pass over each matrix; `parts` are the sizes of a tile."""
    channels = s.k / rows.taps

    def along_n(width: FloatArray) -> FloatArray:
        return width * _padding(s.n, tiles.n, parts.n, width, rows.burst)

    return Bytes(
        rows.a_words * rows.a * _padding(channels, ceil_div(channels, parts.k), parts.k, rows.a, rows.burst),
        s.k * s.n * along_n(rows.b),
        s.m * s.n * along_n(rows.z),
        s.m * s.n * along_n(rows.sums),
    )


def first_tile(s: Shape, parts: Granules, bytes_: Bytes) -> FloatArray:
    """Return the bytes of A and B that the first tile needs."""
    m, n, k = (part / size for part, size in zip(parts, (s.m, s.n, s.k), strict=True))
    return np.asarray(np.minimum(m, 1.0) * k * bytes_.a + k * n * bytes_.b)


def _padding(
    size: FloatArray, count: FloatArray, part: FloatArray, width: FloatArray, burst: FloatArray
) -> FloatArray:
    """Return bytes moved over bytes needed, of rows of `size` words cut in `count` parts."""
    moved = (count - 1) * ceil_div(part * width, burst) + ceil_div((size - (count - 1) * part) * width, burst)
    return np.asarray(np.where((count > 1) & (burst > 1), burst * moved / (size * width), 1.0))
