"""Words: arrays that refuse arithmetic.

All floats of a running program that depend on an input, or the integers that stand for them, lie in `Words`.
Moving them is numpy's business; computing with them is an error everywhere but in `approx.machine.units` and
`approx.machine.integer`, which unwrap them. That makes the interpreter a proof: whatever it ran, no other
arithmetic touched such a word.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOVES = {
    np.broadcast_to,
    np.concatenate,
    np.copy,
    np.empty_like,
    np.expand_dims,
    np.flip,
    np.lib.stride_tricks.sliding_window_view,
    np.moveaxis,
    np.diagonal,
    np.put_along_axis,
    np.repeat,
    np.tile,
    np.tril,
    np.triu,
    np.pad,
    np.reshape,
    np.roll,
    np.shape,
    np.split,
    np.squeeze,
    np.stack,
    np.swapaxes,
    np.take,
    np.take_along_axis,
    np.transpose,
    np.where,
    np.array_split,
    np.array2string,
    np.array_repr,
    np.array_str,
    np.ndim,
    np.size,
}


class Words(np.ndarray):
    """An array that can be moved but not computed with."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Refuse: every numpy arithmetic is a ufunc."""
        raise TypeError(f"numpy.{ufunc.__name__} on float words: only the machine's units compute with them")

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Iterable[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Let data be moved, and keep what was moved from being computed with."""
        if func not in _MOVES:
            raise TypeError(f"numpy.{func.__name__} on float words: only the machine's units compute")
        return _kept(super().__array_function__(func, types, args, kwargs))


def _refusal(method: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise TypeError(f"ndarray.{method} on float words: only the machine's units compute with them")

    return refuse


# Methods that compute, or give plain numbers, without asking the class
for _method in ("argmax", "argmin", "argpartition", "argsort", "choose", "cumprod", "cumsum", "dot", "item"):
    setattr(Words, _method, _refusal(_method))
for _method in ("partition", "round", "searchsorted", "sort", "tolist", "trace", "__float__", "__int__"):
    setattr(Words, _method, _refusal(_method))


def _kept(value: Any) -> Any:
    """What a move of words gives: words again, integers of fixed point too."""
    if isinstance(value, list | tuple):
        return type(value)(_kept(item) for item in value)
    return value.view(Words) if isinstance(value, np.ndarray) else value


def guarded(value: Any) -> Any:
    """`value` with every float array in it made `Words`."""
    if isinstance(value, list | tuple):
        return type(value)(guarded(item) for item in value)
    if isinstance(value, np.ndarray | np.floating) and np.issubdtype(value.dtype, np.floating):
        return np.asarray(value).view(Words)
    return value


def plain(x: Any) -> NDArray[Any]:
    """The array behind `x`, for a unit to compute with."""
    return np.asarray(x)
