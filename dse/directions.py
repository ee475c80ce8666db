"""Where the outputs of a network moved, as a text that a study can keep: see `approx.tasks.sketch`."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DIRECTION = "direction"
"""The name it has beside the figures."""


def pack(direction: Sequence[float]) -> str:
    """Return the text of a vector of length 1, its numbers in half precision."""
    return base64.b64encode(np.asarray(direction, "<f2").tobytes()).decode("ascii")


def unpack(text: str) -> NDArray[np.float64]:
    """Return the vector of a text."""
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float64)
