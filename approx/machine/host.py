"""Host instructions: integer and mask work, and whatever is the same for every input.

The host computes with plain arrays. A float that depends on an input reaches it as `Words`, which refuse.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from approx.machine.gemm import GEMM
from approx.machine.hadamard import HADAMARD
from approx.machine.move import MOVE
from approx.machine.units import Units
from approx.machine.words import plain

Array = Any

SHAPE_ONLY = {
    "aten.full_like.default",
    "aten.new_full.default",
    "aten.new_ones.default",
    "aten.new_zeros.default",
    "aten.ones_like.default",
    "aten.sym_numel.default",
    "aten.sym_size.int",
    "aten.zeros_like.default",
}
"""Ops that read an argument's shape and none of its values."""


def scaled(ufunc: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    """The sum or difference of x and alpha y."""
    return lambda x, y, alpha=1: ufunc(x, y if alpha == 1 else alpha * y)


def reverse_subtract(x: Array, y: Any, alpha: float = 1) -> Array:
    """Y - alpha x."""
    return y - alpha * x


def divide(x: Array, y: Any, rounding_mode: str | None = None) -> Array:
    """x / y, rounded as asked."""
    rounding: dict[str | None, Callable[[Any], Any]] = {
        None: lambda q: q,
        "floor": np.floor,
        "trunc": np.trunc,
    }
    return rounding[rounding_mode](np.true_divide(x, y))


def arange(*arguments: Any, **_: Any) -> Array:
    """The numbers of a range."""
    return np.arange(*arguments)


def full(shape: Sequence[int], value: Any, **_: Any) -> Array:
    """One value everywhere."""
    return np.full(tuple(shape), value)


def filled(value: float) -> Callable[..., Array]:
    """An array of the given shape, of `value` everywhere."""
    return lambda shape, **_: np.full(tuple(shape), value)


def filled_like(value: float) -> Callable[..., Array]:
    """An array of x's shape, of `value` everywhere."""
    return lambda x, **_: np.full(np.shape(x), value)


def new_filled(value: float) -> Callable[..., Array]:
    """An array of x's kind in another shape, of `value` everywhere."""
    return lambda x, shape, **_: np.full(tuple(shape), value, x.dtype)


def size(x: Array, dim: int) -> int:
    """One size of x; the only thing of a float input that the host may know."""
    return int(np.shape(x)[dim])


def convert(x: Array, *_: Any, **__: Any) -> Array:
    """X; the executor gives every result the type that the program states."""
    return x


def unary(ufunc: Callable[[Any], Any]) -> Callable[..., Array]:
    """An element-wise function of one array."""
    return lambda x, *_, **__: ufunc(x)


def binary(ufunc: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    """An element-wise function of two arrays."""
    return lambda x, y: ufunc(x, y)


def cumulative_sum(x: Array, dim: int, **_: Any) -> Array:
    """Running sums along an axis."""
    return np.cumsum(x, axis=dim)


def difference(x: Array, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """Differences of neighbours along an axis."""
    ends = {name: end for name, end in (("prepend", prepend), ("append", append)) if end is not None}
    return np.diff(np.asarray(x).astype(np.int64), n, axis=dim, **ends)


def clamp(x: Array, low: float | None = None, high: float | None = None) -> Array:
    """X inside bounds."""
    return np.clip(x, low, high)


def reduce_(function: Callable[..., Any]) -> Callable[..., Array]:
    """A reduction over named axes, or all."""

    def apply(x: Array, dim: Any = None, keepdim: bool = False, **_: Any) -> Array:
        axes = tuple(dim) if isinstance(dim, list | tuple) else dim
        return function(x, axis=axes or None if axes == () else axes, keepdims=keepdim)

    return apply


def arg_max(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Where the first largest is."""
    return np.argmax(x, axis=dim, keepdims=keepdim)


def replace(x: Array, value: Any, *_: Any) -> Array:
    """The value in x's shape."""
    return np.broadcast_to(np.asarray(value), np.shape(x))


def replace_shape(x: Array, other: Array) -> Array:
    """X in the shape of the other."""
    return np.broadcast_to(x, np.shape(other))


def linspace(start: float, end: float, steps: int, **_: Any) -> Array:
    """Evenly spaced numbers, both ends included."""
    return np.linspace(start, end, steps)


def meshgrid(axes: Sequence[Array], indexing: Any = "ij") -> list[Array]:
    """The coordinates of a grid."""
    return list(np.meshgrid(*axes, indexing=indexing))


def scalar_tensor(value: Any, **_: Any) -> Array:
    """A number as an array."""
    return np.asarray(value)


def constant(function: Callable[..., Any]) -> Callable[..., Array]:
    """What a unit does, of values that depend on no input; it counts for nothing."""
    return lambda *arguments, **named: plain(function(Units(), *arguments, **named))


_COMPARISONS = {
    "eq": np.equal,
    "ge": np.greater_equal,
    "gt": np.greater,
    "le": np.less_equal,
    "lt": np.less,
    "ne": np.not_equal,
}
_LOGIC = {
    "__and__": np.bitwise_and,
    "__or__": np.bitwise_or,
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "bitwise_not": np.invert,
    "ceil": np.ceil,
    "cos": np.cos,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "logical_not": np.logical_not,
    "neg": np.negative,
    "reciprocal": np.reciprocal,
    "round": np.round,
    "rsqrt": lambda x: 1.0 / np.sqrt(x),
    "sign": np.sign,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "square": np.square,
    "tanh": np.tanh,
}

CONVERSIONS = dict.fromkeys(
    [
        "aten._to_copy.default",
        "aten.lift_fresh_copy.default",
        "aten.to.device",
        "aten.to.dtype",
        "aten.to.dtype_layout",
        "aten.to.other",
        "aten.type_as.default",
    ],
    convert,
)
"""Changes of type."""

_ONLY_HOST: dict[str, Callable[..., Any]] = {
    **{f"aten.{n}.{t}": binary(f) for n, f in _COMPARISONS.items() for t in ("Scalar", "Tensor")},
    **{f"aten.{n}.{t}": binary(f) for n, f in _LOGIC.items() for t in ("Scalar", "Tensor")},
    **{f"aten.{n}.default": unary(f) for n, f in _UNARY.items()},
    "aten.add.Tensor": scaled(np.add),
    "aten.any.default": reduce_(np.any),
    "aten.any.dim": reduce_(np.any),
    "aten.all.default": reduce_(np.all),
    "aten.all.dim": reduce_(np.all),
    "aten.arange.default": arange,
    "aten.arange.start": arange,
    "aten.arange.start_step": arange,
    "aten.argmax.default": arg_max,
    "aten.clamp.default": clamp,
    "aten.clamp_min.default": clamp,
    "aten.clamp_max.default": binary(np.minimum),
    "aten.copy.default": replace,
    "aten.cumsum.default": cumulative_sum,
    "aten.diff.default": difference,
    "aten.div.Scalar": divide,
    "aten.div.Tensor": divide,
    "aten.div.Tensor_mode": divide,
    "aten.dropout.default": convert,
    "aten.eye.default": lambda n, **_: np.eye(n),
    "aten.expand_as.default": replace_shape,
    "aten.fill.Scalar": replace,
    "aten.fill.Tensor": replace,
    "aten.floor_divide.default": binary(np.floor_divide),
    "aten.full.default": full,
    "aten.full_like.default": lambda x, value, **_: np.full(np.shape(x), value),
    "aten.logical_and.default": binary(np.logical_and),
    "aten.logical_or.default": binary(np.logical_or),
    "aten.linspace.default": linspace,
    "aten.masked_fill.Tensor": MOVE["aten.masked_fill.Scalar"],
    "aten.max.default": reduce_(np.max),
    "aten.max.other": binary(np.maximum),
    "aten.maximum.default": binary(np.maximum),
    "aten.meshgrid.default": meshgrid,
    "aten.meshgrid.indexing": meshgrid,
    "aten.min.default": reduce_(np.min),
    "aten.min.other": binary(np.minimum),
    "aten.minimum.default": binary(np.minimum),
    "aten.mul.Tensor": binary(np.multiply),
    "aten.new_full.default": lambda _, shape, value, **__: np.full(tuple(shape), value),
    "aten.new_ones.default": new_filled(1),
    "aten.new_zeros.default": new_filled(0),
    "aten.ones.default": filled(1),
    "aten.ones_like.default": filled_like(1),
    "aten.pow.Scalar": binary(np.power),
    "aten.pow.Tensor_Scalar": binary(np.power),
    "aten.pow.Tensor_Tensor": binary(np.power),
    "aten.remainder.Scalar": binary(np.remainder),
    "aten.remainder.Tensor": binary(np.remainder),
    "aten.rsub.Scalar": reverse_subtract,
    "aten.scalar_tensor.default": scalar_tensor,
    "aten.sub.Tensor": scaled(np.subtract),
    "aten.sum.default": reduce_(np.sum),
    "aten.sum.dim_IntList": reduce_(np.sum),
    "aten.sym_numel.default": lambda x: int(np.size(x)),
    "aten.sym_size.int": size,
    "aten.zeros.default": filled(0),
    "aten.zeros_like.default": filled_like(0),
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "operator.add": operator.add,
    "operator.floordiv": operator.floordiv,
    "operator.mod": operator.mod,
    "operator.mul": operator.mul,
    "operator.neg": operator.neg,
    "operator.pow": operator.pow,
    "operator.sub": operator.sub,
    "operator.truediv": operator.truediv,
    "torch._sym_sqrt": math.sqrt,
    "torch.ones": filled(1),
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_max": max,
    "torch.sym_min": min,
}

HOST = (
    {name: constant(function) for name, function in (GEMM | HADAMARD).items()}
    | MOVE
    | CONVERSIONS
    | _ONLY_HOST
)
"""The host also moves integers and masks, and prepares constants as the units would compute them."""
