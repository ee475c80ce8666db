"""An explicit mapping of one GEMM: tile sizes and loop order a level, so that another tool's can be costed.

Three levels, as Timeloop's reference designs: DRAM feeds a global buffer, the buffer feeds an array of cells,
each cell keeps one word of one matrix.
"""

import math
from dataclasses import dataclass

from accel_models.checks import IntRange, refuse

DIMENSIONS = ("M", "N", "K")
INDEXED_BY = {"A": "MK", "B": "KN", "Z": "MN"}
_FACTOR = IntRange(1, 10**9)


@dataclass(frozen=True)
class Loops:
    """Loop bounds of one level and their order.

    Attributes:
        m: Steps along M.
        n: Steps along N.
        k: Steps along K.
        order: The dimensions, outermost loop first, for example "MNK".
    """

    m: int = 1
    n: int = 1
    k: int = 1
    order: str = "MNK"

    def __post_init__(self) -> None:
        for name in ("m", "n", "k"):
            _FACTOR.check(f"loops.{name}", getattr(self, name))
        if sorted(self.order) != sorted(DIMENSIONS):
            raise refuse("loops.order", self.order, "the letters M, N, K in some order")

    def bound(self, dimension: str) -> int:
        """Return the steps along "M", "N" or "K"."""
        return int(getattr(self, dimension.lower()))

    def nest(self) -> list[tuple[str, int]]:
        """Return (dimension, bound), outermost first."""
        return [(dimension, self.bound(dimension)) for dimension in self.order]


@dataclass(frozen=True)
class Mapping:
    """Where and when a GEMM's parts run.

    Attributes:
        dram: Loops over tiles of the global buffer.
        buffer: Loops inside a tile, over the array.
        spatial: Cells used along each dimension; the order means nothing.
        stationary: The matrix that cells keep: "B" for weight, "Z" for output, "A" for input stationary.
    """

    dram: Loops
    buffer: Loops
    spatial: Loops
    stationary: str = "B"

    def __post_init__(self) -> None:
        if self.stationary not in INDEXED_BY:
            raise refuse("mapping.stationary", self.stationary, "A, B or Z")

    def padded(self, dimension: str) -> int:
        """Return the extent that the loops cover along a dimension."""
        return math.prod(level.bound(dimension) for level in (self.dram, self.buffer, self.spatial))

    def tile_words(self) -> int:
        """Return the words of A, B and Z that the global buffer holds at once."""
        m, n, k = (self.buffer.bound(d) * self.spatial.bound(d) for d in DIMENSIONS)
        return m * k + k * n + m * n
