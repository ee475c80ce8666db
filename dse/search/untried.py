"""What a space still has that was not asked for, where a sampler repeats itself."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from dse.study_file import Axis

Params = Mapping[str, Any]

LISTED = 100_000
"""Points of a space up to which all are listed, so that it is known when none is left."""

TRIES = 1_000
"""Points of a larger space that are taken at random: of these, one was not asked for."""


def untried(
    axes: Mapping[str, Axis],
    known: Collection[str],
    rng: np.random.Generator,
    asked_for: Callable[[Params], Params] = lambda params: params,
) -> Params | None:
    """Return a point of a space, taken at random, that was not asked for; None where all were.

    Args:
        axes: The values of each parameter.
        known: Points that were asked for, each as `text` gives it.
        rng: For the choice.
        asked_for: Leaves out of a point the parameters that do not apply to it.
    """
    if math.prod(map(len, axes.values())) <= LISTED:
        every = (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
        left = {key: point for point in map(asked_for, every) if (key := text(point)) not in known}
        return list(left.values())[int(rng.integers(len(left)))] if left else None
    for _ in range(TRIES):
        point = asked_for({name: axis[int(rng.integers(len(axis)))] for name, axis in axes.items()})
        if text(point) not in known:
            return point
    return None


def text(params: Params) -> str:
    """Return parameters as one text, the same in whichever order they are."""
    return json.dumps(params, sort_keys=True, default=str)
