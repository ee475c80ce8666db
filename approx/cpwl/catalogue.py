"""The catalogue of functions that networks use, and how a user's text names them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache, partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import special

from approx.cpwl.function import Array, Function, Symmetry

ZERO = (0.0, 0.0)
ONE = (0.0, 1.0)
IDENTITY = (1.0, 0.0)
ODD = Symmetry(-1.0)
EVEN = Symmetry(1.0)
GATED = Symmetry(1.0, slope=-1.0)
"""x * gate(x) with gate(-x) = 1 - gate(x), so f(-x) = f(x) - x."""
SELU_ALPHA = 1.6732632423543772848170429916717  # Klambauer et al. 2017, arXiv 1706.02515
SELU_SCALE = 1.0507009873554804934193349852946  # the same
GELU_CUBIC = 0.044715  # Hendrycks and Gimpel 2016, arXiv 1606.08415
WIDE = (2.0**-10, 2.0**10)


def _exp() -> Function:
    return Function("exp", np.exp, np.exp, np.exp, (-16.0, 0.0), left=ZERO)


def _gelu() -> Function:
    def density(x: Array) -> Array:
        return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)

    return Function(
        "gelu",
        lambda x: x * special.ndtr(x),
        lambda x: special.ndtr(x) + x * density(x),
        lambda x: density(x) * (2 - x * x),
        (-8.0, 8.0),
        left=ZERO,
        right=IDENTITY,
        symmetry=GATED,
    )


def _gelu_tanh() -> Function:
    scale = math.sqrt(2 / math.pi)

    # (1 + tanh u) / 2 = sigmoid(2 u), which keeps its digits where tanh u nears -1.
    def inner(x: Array) -> tuple[Array, Array, Array]:
        gate = special.expit(2 * scale * (x + GELU_CUBIC * x**3))
        return gate, 2 * scale * (1 + 3 * GELU_CUBIC * x * x), 12 * scale * GELU_CUBIC * x

    def first(x: Array) -> Array:
        s, u1, _ = inner(x)
        return s + x * s * (1 - s) * u1

    def second(x: Array) -> Array:
        s, u1, u2 = inner(x)
        return s * (1 - s) * (2 * u1 + x * (u2 + (1 - 2 * s) * u1 * u1))

    def evaluate(x: Array) -> Array:
        return x * inner(x)[0]

    return Function(
        "gelu_tanh", evaluate, first, second, (-8.0, 8.0), left=ZERO, right=IDENTITY, symmetry=GATED
    )


def _silu() -> Function:
    def first(x: Array) -> Array:
        s = special.expit(x)
        return np.asarray(s * (1 + x * (1 - s)))

    def second(x: Array) -> Array:
        s = special.expit(x)
        return np.asarray(s * (1 - s) * (2 + x * (1 - 2 * s)))

    return Function(
        "silu",
        lambda x: x * special.expit(x),
        first,
        second,
        (-8.0, 8.0),
        left=ZERO,
        right=IDENTITY,
        symmetry=GATED,
    )


def _tanh() -> Function:
    return Function(
        "tanh",
        np.tanh,
        lambda x: 1 - np.tanh(x) ** 2,
        lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
        (-8.0, 8.0),
        left=(0.0, -1.0),
        right=ONE,
        symmetry=ODD,
    )


def _sigmoid() -> Function:
    def first(x: Array) -> Array:
        s = special.expit(x)
        return np.asarray(s * (1 - s))

    return Function(
        "sigmoid",
        special.expit,
        first,
        lambda x: first(x) * (1 - 2 * special.expit(x)),
        (-8.0, 8.0),
        left=ZERO,
        right=ONE,
        symmetry=Symmetry(-1.0, offset=1.0),
    )


def _erf() -> Function:
    def first(x: Array) -> Array:
        return 2 / math.sqrt(math.pi) * np.exp(-x * x)

    return Function(
        "erf",
        special.erf,
        first,
        lambda x: -2 * x * first(x),
        (-4.0, 4.0),
        left=(0.0, -1.0),
        right=ONE,
        symmetry=ODD,
    )


def _softplus() -> Function:
    return Function(
        "softplus",
        lambda x: np.logaddexp(0.0, x),
        special.expit,
        lambda x: special.expit(x) * special.expit(-x),
        (-8.0, 8.0),
        left=ZERO,
        right=IDENTITY,
        symmetry=GATED,
    )


def _mish() -> Function:
    def gate(x: Array) -> tuple[Array, Array, Array]:
        s, t = special.expit(x), np.tanh(np.logaddexp(0.0, x))
        t1 = (1 - t * t) * s
        return t, t1, t1 * (1 - s) - 2 * t * t1 * s

    def first(x: Array) -> Array:
        t, t1, _ = gate(x)
        return t + x * t1

    def second(x: Array) -> Array:
        _, t1, t2 = gate(x)
        return 2 * t1 + x * t2

    return Function("mish", lambda x: x * gate(x)[0], first, second, (-8.0, 8.0), left=ZERO, right=IDENTITY)


def _exponential_unit(name: str, alpha: float, scale: float) -> Function:
    return Function(
        name,
        lambda x: scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0))),
        lambda x: scale * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0))),
        lambda x: scale * np.where(x > 0, 0.0, alpha * np.exp(np.minimum(x, 0.0))),
        (-8.0, 8.0),
        left=(0.0, -scale * alpha),
        right=(scale, 0.0),
    )


def _elu(alpha: float = 1.0) -> Function:
    return _exponential_unit(f"elu({alpha!r})" if alpha != 1.0 else "elu", alpha, 1.0)


def _selu() -> Function:
    return _exponential_unit("selu", SELU_ALPHA, SELU_SCALE)


def _hardswish() -> Function:
    def inside(x: Array) -> NDArray[np.bool_]:
        return np.abs(x) < 3

    return Function(
        "hardswish",
        lambda x: x * np.clip(x / 6 + 0.5, 0.0, 1.0),
        lambda x: np.where(inside(x), x / 3 + 0.5, (x > 0).astype(np.float64)),
        lambda x: np.where(inside(x), 1 / 3, 0.0),
        (-8.0, 8.0),
        left=ZERO,
        right=IDENTITY,
        symmetry=GATED,
    )


def _piecewise_linear(
    name: str, kinks: tuple[float, ...], slopes: tuple[float, ...], evaluate: Callable[[Array], Array]
) -> Function:
    steps = np.asarray(slopes)
    ends = evaluate(np.asarray([kinks[0], kinks[-1]]))
    return Function(
        name,
        evaluate,
        lambda x: steps[np.searchsorted(kinks, x, side="right")],
        np.zeros_like,
        (min(-8.0, 2 * kinks[0]), max(8.0, 2 * kinks[-1])),
        left=(slopes[0], float(ends[0]) - slopes[0] * kinks[0]),
        right=(slopes[-1], float(ends[1]) - slopes[-1] * kinks[-1]),
        kinks=kinks,
    )


def _leaky_relu(slope: float = 0.01) -> Function:
    name = f"leaky_relu({slope!r})" if slope != 0.01 else "leaky_relu"
    return _piecewise_linear(name, (0.0,), (slope, 1.0), lambda x: np.where(x > 0, x, slope * x))


def _reciprocal() -> Function:
    return Function(
        "reciprocal",
        lambda x: 1 / x,
        lambda x: -(x**-2.0),
        lambda x: 2 * x**-3.0,
        WIDE,
        poles=(0.0,),
        right=ZERO,
        error="relative",
    )


def _rsqrt() -> Function:
    return Function(
        "rsqrt",
        lambda x: 1 / np.sqrt(x),
        lambda x: -0.5 * x**-1.5,
        lambda x: 0.75 * x**-2.5,
        WIDE,
        support=(0.0, math.inf),
        poles=(0.0,),
        right=ZERO,
        error="relative",
    )


def _sqrt() -> Function:
    # Absolute error: the usual domain begins at 0, where a relative error has no bound.
    return Function(
        "sqrt",
        np.sqrt,
        lambda x: 0.5 * x**-0.5,
        lambda x: -0.25 * x**-1.5,
        (0.0, 16.0),
        support=(0.0, math.inf),
        left=ZERO,
    )


def _log() -> Function:
    # Absolute error: log is 0 at 1, and an absolute error of a logarithm is a relative one of its argument.
    return Function(
        "log",
        np.log,
        lambda x: 1 / x,
        lambda x: -(x**-2.0),
        (2.0**-10, 1.0),
        support=(0.0, math.inf),
        poles=(0.0,),
    )


def _pow(exponent: float) -> Function:
    whole = exponent == int(exponent)
    negative = exponent < 0
    lo = 2.0**-4 if negative else (-4.0 if whole else 0.0)
    return Function(
        f"pow({exponent!r})",
        lambda x: np.power(x, exponent),
        lambda x: exponent * np.power(x, exponent - 1),
        lambda x: exponent * (exponent - 1) * np.power(x, exponent - 2),
        (lo, 4.0),
        support=(-math.inf if whole else 0.0, math.inf),
        poles=(0.0,) if negative else (),
        right=ZERO if negative else "edge",
        error="relative" if negative else "absolute",
        symmetry=None if negative or not whole else (EVEN if exponent % 2 == 0 else ODD),
    )


def _sin() -> Function:
    return Function(
        "sin",
        np.sin,
        np.cos,
        lambda x: -np.sin(x),
        (-math.pi, math.pi),
        left="hold",
        right="hold",
        symmetry=ODD,
    )


def _cos() -> Function:
    return Function(
        "cos",
        np.cos,
        lambda x: -np.sin(x),
        lambda x: -np.cos(x),
        (-math.pi, math.pi),
        left="hold",
        right="hold",
        symmetry=EVEN,
    )


def _atan() -> Function:
    return Function(
        "atan",
        np.arctan,
        lambda x: 1 / (1 + x * x),
        lambda x: -2 * x / (1 + x * x) ** 2,
        (-8.0, 8.0),
        left=(0.0, -math.pi / 2),
        right=(0.0, math.pi / 2),
        symmetry=ODD,
    )


def _asin() -> Function:
    return Function(
        "asin",
        np.arcsin,
        lambda x: (1 - x * x) ** -0.5,
        lambda x: x * (1 - x * x) ** -1.5,
        (-1.0, 1.0),
        support=(-1.0, 1.0),
        left="hold",
        right="hold",
        symmetry=ODD,
    )


def _acos() -> Function:
    return Function(
        "acos",
        np.arccos,
        lambda x: -((1 - x * x) ** -0.5),
        lambda x: -x * (1 - x * x) ** -1.5,
        (-1.0, 1.0),
        support=(-1.0, 1.0),
        left="hold",
        right="hold",
        symmetry=Symmetry(-1.0, offset=math.pi),
    )


def _asinh() -> Function:
    return Function(
        "asinh",
        np.arcsinh,
        lambda x: (1 + x * x) ** -0.5,
        lambda x: -x * (1 + x * x) ** -1.5,
        (-8.0, 8.0),
        symmetry=ODD,
    )


def _acosh() -> Function:
    return Function(
        "acosh",
        np.arccosh,
        lambda x: (x * x - 1) ** -0.5,
        lambda x: -x * (x * x - 1) ** -1.5,
        (1.0, 16.0),
        support=(1.0, math.inf),
        left="hold",
    )


def _atanh() -> Function:
    return Function(
        "atanh",
        np.arctanh,
        lambda x: 1 / (1 - x * x),
        lambda x: 2 * x / (1 - x * x) ** 2,
        (-0.99, 0.99),
        support=(-1.0, 1.0),
        poles=(-1.0, 1.0),
        symmetry=ODD,
    )


def _erfinv() -> Function:
    def first(x: Array) -> Array:
        return np.asarray(math.sqrt(math.pi) / 2 * np.exp(special.erfinv(x) ** 2))

    return Function(
        "erfinv",
        special.erfinv,
        first,
        lambda x: 2 * special.erfinv(x) * first(x) ** 2,
        (-0.99, 0.99),
        support=(-1.0, 1.0),
        poles=(-1.0, 1.0),
        symmetry=ODD,
    )


def _lgamma() -> Function:
    return Function(
        "lgamma",
        special.gammaln,
        special.digamma,
        lambda x: special.polygamma(1, x),
        (2.0**-4, 16.0),
        support=(0.0, math.inf),
        poles=(0.0,),
    )


def _digamma() -> Function:
    return Function(
        "digamma",
        special.digamma,
        lambda x: special.polygamma(1, x),
        lambda x: special.polygamma(2, x),
        (2.0**-4, 16.0),
        support=(0.0, math.inf),
        poles=(0.0,),
    )


def _clip(x: Array, lo: float, hi: float) -> Array:
    return np.clip(x, lo, hi)


FUNCTIONS: MappingProxyType[str, Callable[..., Function]] = MappingProxyType(
    {
        "exp": _exp,
        "gelu": _gelu,
        "gelu_tanh": _gelu_tanh,
        "silu": _silu,
        "tanh": _tanh,
        "sigmoid": _sigmoid,
        "erf": _erf,
        "softplus": _softplus,
        "mish": _mish,
        "elu": _elu,
        "selu": _selu,
        "hardswish": _hardswish,
        "hardsigmoid": partial(
            _piecewise_linear,
            "hardsigmoid",
            (-3.0, 3.0),
            (0.0, 1 / 6, 0.0),
            lambda x: np.clip(x / 6 + 0.5, 0.0, 1.0),
        ),
        "relu": partial(_piecewise_linear, "relu", (0.0,), (0.0, 1.0), lambda x: np.maximum(x, 0.0)),
        "relu6": partial(
            _piecewise_linear, "relu6", (0.0, 6.0), (0.0, 1.0, 0.0), partial(_clip, lo=0.0, hi=6.0)
        ),
        "leaky_relu": _leaky_relu,
        "abs": partial(_piecewise_linear, "abs", (0.0,), (-1.0, 1.0), np.abs),
        "reciprocal": _reciprocal,
        "rsqrt": _rsqrt,
        "sqrt": _sqrt,
        "log": _log,
        "pow": _pow,
        "sin": _sin,
        "cos": _cos,
        "atan": _atan,
        "asin": _asin,
        "acos": _acos,
        "asinh": _asinh,
        "acosh": _acosh,
        "atanh": _atanh,
        "erfinv": _erfinv,
        "lgamma": _lgamma,
        "digamma": _digamma,
    }
)
"""Every function of the catalogue by name; a value builds the :class:`Function`, with its parameter if
any."""

PARAMETRIC = frozenset({"elu", "leaky_relu", "pow"})


def split_name(name: str) -> tuple[str, str | None]:
    """Take a function's name apart: ``"elu(0.5)"`` is ``("elu", "0.5")``, and ``"elu"`` ``("elu", None)``."""
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", name)
    return (match[1], match[2]) if match else (name, None)


@lru_cache(maxsize=256)
def get_function(name: str) -> Function:
    """Return the catalogue's entry for ``name``, such as ``"gelu"``, ``"elu(0.5)"`` or ``"pow(1.7)"``.

    Raises:
        ValueError: If the name or its parameter is not known.
    """
    base, argument = split_name(name)
    if base not in FUNCTIONS:
        raise ValueError(f"function = {name!r}: must be one of {', '.join(FUNCTIONS)}")
    if argument is None and base != "pow":
        return FUNCTIONS[base]()
    if base not in PARAMETRIC:
        raise ValueError(f"function = {name!r}: {base} takes no parameter")
    return FUNCTIONS[base](_parameter(name, argument))


def _parameter(name: str, argument: str | None) -> float:
    try:
        value = float(argument or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"function = {name!r}: needs one finite number in parentheses, as in 'pow(1.7)'")
    return value
