"""A few numbers instead of many: outputs that moved alike have sketches alike.

Every output is added to, or taken from, one of a few sums, drawn by chance once (Charikar, Chen and
Farach-Colton, "Finding frequent items in data streams", Theoretical Computer Science 312, 2004). Scalar
products are kept to about 1 / sqrt(SIZE) of the lengths.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

SIZE = 512


def direction(moved: Tensor) -> tuple[float, ...]:
    """Return where outputs moved: the sketch of their differences, of length 1, or of zeros if they did not.

    Args:
        moved: Differences of outputs, of any shape.
    """
    values = moved.detach().cpu().double().flatten().numpy()
    sums, signs = _places(values.size)
    sketch = np.bincount(sums, weights=values * signs, minlength=SIZE)
    length = math.hypot(*sketch)
    return tuple((sketch / length if length else sketch).tolist())


@lru_cache(maxsize=4)
def _places(size: int) -> tuple[NDArray[np.uint16], NDArray[np.int8]]:
    """Return which sum each output counts for, and with which sign; the same in every process."""
    rng = np.random.default_rng(0)
    return rng.integers(0, SIZE, size, np.uint16), rng.choice(np.array([-1, 1], np.int8), size)
