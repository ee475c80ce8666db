"""An explicit mapping of one GEMM: tile sizes and loop order a level, so that another tool's can be costed.

Three levels, as Timeloop's reference designs: DRAM feeds a global buffer, the buffer feeds an array of cells,
each cell keeps one word of one matrix.
"""

import math
from dataclasses import dataclass

from accel_models.checks import IntRange, refuse

DIMENSIONS = ("M", "N", "K")
INDEXED_BY = {"A": "MK", "B": "KN", "Z": "MN"}
STATIONARY = {"ws": "B", "os": "Z", "is": "A"}
"""The matrix that cells keep, by dataflow."""
ON_COLS, ON_ROWS = {"ws": "N", "os": "N", "is": "M"}, {"ws": "K", "os": "M", "is": "K"}
"""The dimension along each side of the array, by dataflow."""
INSIDE = {"ws": "NKM", "os": "MNK", "is": "MKN"}
"""Loops between a scratchpad and the array, outermost first: what streams past the cells goes inside."""
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

    def tile(self, dimension: str) -> int:
        """Return the extent of a tile along a dimension."""
        return self.buffer.bound(dimension) * self.spatial.bound(dimension)

    def times(self, matrix: str, *, to_cells: bool = False) -> int:
        """Return how often the whole of a matrix passes from DRAM, or from a scratchpad to cells.

        The loops that it ignores count, outside its innermost loop of more than one step.
        """
        nest = self.dram.nest() + (self.buffer.nest() if to_cells else [])
        last = max((i for i, (d, b) in enumerate(nest) if d in INDEXED_BY[matrix] and b > 1), default=-1)
        return math.prod(bound for d, bound in nest[: last + 1] if d not in INDEXED_BY[matrix])

    def check_covers(self, m: int, n: int, k: int) -> None:
        """Raise ValueError unless the loops cover a GEMM, with no tile to spare."""
        for dimension, size in zip(DIMENSIONS, (m, n, k), strict=True):
            covered = self.padded(dimension)
            if not size <= covered < size + covered // self.dram.bound(dimension):
                raise refuse(f"mapping along {dimension}", covered, f"{size}, or less than one tile more")

    def tile_words(self) -> int:
        """Return the words of A, B and Z that the global buffer holds at once."""
        m, n, k = (self.tile(dimension) for dimension in DIMENSIONS)
        return m * k + k * n + m * n
