"""The one entry point: a function, a budget of segments and a metric in; a table out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from approx.cpwl import symmetry as folding
from approx.cpwl import tails
from approx.cpwl.bias import BIASES, LINES
from approx.cpwl.catalogue import get_function
from approx.cpwl.density import Density
from approx.cpwl.exact import exact_table
from approx.cpwl.function import Array, ErrorKind, Function, from_callable
from approx.cpwl.measure import rough_error
from approx.cpwl.placement import ADDRESSING, PLACEMENTS
from approx.cpwl.range_reduction import ReducedTable, reduced_problem
from approx.cpwl.table import CpwlTable
from approx.cpwl.target import Target
from approx.cpwl.word_fit import fit_in_words

FunctionLike = str | Function | Callable[[Array], Array]
MAX_SEGMENTS = 1024
NARROWEST = 1e-6
"""Domains narrower than this times their position are widened to it: knots must differ and slopes must not be
noise."""


@overload
def fit(
    function: FunctionLike,
    segments: int = ...,
    placement: str = ...,
    bias: str = ...,
    domain: tuple[float, float] | None = ...,
    density: Density | ArrayLike | None = ...,
    *,
    error: ErrorKind | None = ...,
    continuous: bool = ...,
    symmetric: bool = ...,
    range_reduction: Literal[False] = ...,
    bits: int | None = ...,
    scale: float | Mapping[str, float] | None = ...,
) -> CpwlTable: ...


@overload
def fit(
    function: FunctionLike,
    segments: int = ...,
    placement: str = ...,
    bias: str = ...,
    domain: tuple[float, float] | None = ...,
    density: Density | ArrayLike | None = ...,
    *,
    error: ErrorKind | None = ...,
    continuous: bool = ...,
    symmetric: bool = ...,
    range_reduction: Literal[True],
    bits: int | None = ...,
    scale: float | Mapping[str, float] | None = ...,
) -> ReducedTable: ...


def fit(
    function: FunctionLike,
    segments: int = 16,
    placement: str = "minimax",
    bias: str = "minimax",
    domain: tuple[float, float] | None = None,
    density: Density | ArrayLike | None = None,
    *,
    error: ErrorKind | None = None,
    continuous: bool = True,
    symmetric: bool = False,
    range_reduction: bool = False,
    bits: int | None = None,
    scale: float | Mapping[str, float] | None = None,
) -> CpwlTable | ReducedTable:
    """Approximate a function by a continuous piecewise-linear table.

    Args:
        function: A catalogue name such as ``"gelu"`` or ``"pow(1.7)"``, or a vectorised callable.
        segments: Number of segments, 1 to 1024. A piecewise-linear function gets its exact table instead.
        placement: ``"uniform"``, ``"dyadic"``, ``"curvature"``, ``"minimax"`` (free knots, the best there are
            for
            the metric of ``bias``: least squared error with ``"least_squares"``, else least maximum error) or
            ``"density"`` (free knots with the least squared error under ``density``).
        bias: ``"none"`` (interpolate), ``"minimax"``, ``"least_squares"`` or ``"mean"`` (zero mean error).
        domain: (lo, hi); the catalogue's if None. Needed for a callable. One that is narrower than 1e-6 of
            its
            position, as constant inputs give, is widened to that.
        density: Distribution of the inputs as a :class:`Density` or as samples; squared and mean errors are
            weighted with it. Knots and values of maximum-error metrics do not depend on it.
        error: ``"absolute"`` or ``"relative"``; the catalogue's kind if None.
        continuous: False lets every segment have its own best line, with jumps at the knots.
        symmetric: Fold the table about 0: ``segments`` must be even, and half of them are stored.
        range_reduction: Take the exponent out of reciprocal, rsqrt, sqrt or log, and fit the mantissa's
            interval;
            ``domain`` is then (1, 2) or (1, 4).
        bits: Choose knots, slopes and offsets as integers of 4 to 16 bits, for the metric of ``bias``
            (``"minimax"`` or ``"least_squares"``), by an exhaustive search up to 8 bits; see
            :mod:`approx.cpwl.word_fit`. Knots that are not free are rounded.
        scale: With ``bits``, the steps of the integers, as :meth:`CpwlTable.quantize` takes them; powers of
            two that are found if None.

    Returns:
        The table. Outside the domain it follows the rule of :mod:`approx.cpwl.tails`.

    Raises:
        ValueError: If an argument is not one of the above, or the function is not defined on the domain.

    Example:
        >>> fit("gelu", segments=16).max_error() < 0.00212
        True
    """
    _check_choice("placement", placement, tuple(PLACEMENTS))
    _check_choice("bias", bias, tuple(BIASES))
    whole = isinstance(segments, int | np.integer) and not isinstance(segments, bool)
    if not whole or not 1 <= segments <= MAX_SEGMENTS:
        raise ValueError(f"segments = {segments!r}: must be an integer from 1 to {MAX_SEGMENTS}")
    if scale is not None and bits is None:
        raise ValueError(f"scale = {scale!r}: needs bits, the width of the words whose steps it gives")
    if range_reduction and symmetric:
        raise ValueError("symmetric = True: cannot be combined with range_reduction = True")
    if range_reduction:
        domain, error = reduced_problem(function, domain, error)
        kinds: dict[str, Any] = {"error": error, "continuous": continuous, "bits": bits, "scale": scale}
        table = fit(_mantissa(function, bits), segments, placement, bias, domain, density, **kinds)
        return ReducedTable(table.function, table)
    target = _target(_resolve(function, domain), domain, density, error)
    if target.function.exact:
        exact = exact_table(target, placement, bias)
        return exact if bits is None else exact.quantize(bits, scale=scale)
    if symmetric:
        table = _symmetric(target, int(segments), placement, bias, continuous)
    else:
        knots = PLACEMENTS[placement](target, int(segments), bias)
        table = _table(target, knots, _ends(target, knots, bias, continuous), placement, bias)
    table = _with_tails(table, target)
    return table if bits is None else _in_words(table, target, bits, bias, scale)


def _mantissa(function: FunctionLike, bits: int | None) -> FunctionLike:
    """Return the function of a mantissa; in words without asymptotes, which no input reaches."""
    return function if bits is None else replace(_resolve(function, None), left="edge", right="edge")


def _in_words(
    table: CpwlTable, target: Target, bits: int, bias: str, scale: float | Mapping[str, float] | None
) -> CpwlTable:
    if bias not in ("minimax", "least_squares"):
        raise ValueError(
            f"bias = {bias!r}: with bits it must be 'minimax' or 'least_squares', what words are chosen for"
        )
    if table.symmetric:
        raise ValueError(
            "symmetric = True: cannot be combined with bits; quantize() rounds a symmetric table"
        )
    return fit_in_words(table, target, bits, squared=bias == "least_squares", scale=scale)


def _ends(target: Target, knots: Array, bias: str, continuous: bool) -> tuple[Array, Array]:
    """Return the segments' values at their left and right ends."""
    if not continuous:
        return LINES[bias](target, knots)
    values = BIASES[bias](target, knots)
    return values[:-1], values[1:]


def _symmetric(target: Target, segments: int, placement: str, bias: str, continuous: bool) -> CpwlTable:
    if not continuous:
        raise ValueError("continuous = False: cannot be combined with symmetric = True")
    symmetry = folding.check(target, segments)
    if target.density is not None:
        target = replace(target, density=target.density.symmetrised())
    knots = folding.mirrored_knots(target, segments, placement, bias)
    values = folding.mirrored_values(knots, BIASES[bias](target, knots), symmetry)
    return replace(_table(target, knots, (values[:-1], values[1:]), placement, bias), symmetric=True)


def _check_choice(field: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{field} = {value!r}: must be one of {', '.join(allowed)}")


def _resolve(function: FunctionLike, domain: tuple[float, float] | None) -> Function:
    if isinstance(function, str):
        return get_function(function)
    if isinstance(function, Function):
        return function
    if not callable(function):
        raise ValueError(f"function = {function!r}: must be a name or a vectorised callable")
    if domain is None:
        raise ValueError("domain = None: a user's callable needs one")
    return from_callable(function, _checked_domain(domain))


def _checked_domain(domain: tuple[float, float]) -> tuple[float, float]:
    try:
        lo, hi = (float(end) for end in domain)
    except (TypeError, ValueError):
        raise ValueError(f"domain = {domain!r}: must be two numbers, lo < hi") from None
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise ValueError(f"domain = ({lo}, {hi}): must be finite with lo < hi")
    return lo, hi


def _target(
    function: Function,
    domain: tuple[float, float] | None,
    density: Density | ArrayLike | None,
    error: ErrorKind | None,
) -> Target:
    lo, hi = _checked_domain(function.domain if domain is None else domain)
    if error is not None:
        _check_choice("error", error, ("absolute", "relative"))
    least, most = function.support
    if lo < least or hi > most or any(lo <= pole <= hi for pole in function.poles):
        raise ValueError(f"domain = ({lo}, {hi}): {function.name} is {_where_defined(function)}")
    lo, hi = _widened(lo, hi)
    if density is not None and not isinstance(density, Density):
        density = Density.from_samples(density)
    target = Target(function, lo, hi, error or function.error, density)
    _check_values(target)
    return target


def _where_defined(function: Function) -> str:
    least, most = function.support
    where = "everywhere" if math.isinf(least) and math.isinf(most) else f"from {least:g} to {most:g}"
    return f"defined {where}" + "".join(f", but not at {pole:g}" for pole in function.poles)


def _widened(lo: float, hi: float) -> tuple[float, float]:
    middle, least = 0.5 * (lo + hi), NARROWEST * max(abs(lo), abs(hi))
    return (lo, hi) if hi - lo >= least else (middle - 0.5 * least, middle + 0.5 * least)


def _check_values(target: Target) -> None:
    x = np.linspace(target.lo, target.hi, 129)
    name = target.function.name
    try:
        values = target.function(x)
    except Exception as problem:
        raise ValueError(f"function = {name}: raised {problem!r} on an array of shape {x.shape}") from problem
    if values.shape != x.shape:
        raise ValueError(
            f"function = {name}: returned shape {values.shape} for {x.shape}: must return the same shape"
        )
    if not np.isfinite(values).all():
        where = x[~np.isfinite(values)][0]
        raise ValueError(f"function = {name}: not finite at x = {where:g} in the domain")
    if target.error == "relative" and (values.min() <= 0 <= values.max()):
        raise ValueError(
            f"error = 'relative': {name} is 0 on the domain ({target.lo}, {target.hi}); use 'absolute'"
        )


def _table(target: Target, knots: Array, ends: tuple[Array, Array], placement: str, bias: str) -> CpwlTable:
    left, right = ends
    slopes = (right - left) / np.diff(knots)
    intercepts = left - slopes * knots[:-1]
    return CpwlTable(
        function=target.function.name,
        domain=(target.lo, target.hi),
        knots=knots,
        slopes=slopes,
        intercepts=intercepts,
        left=(slopes[0], intercepts[0]),
        right=(slopes[-1], intercepts[-1]),
        placement=placement,
        bias=bias,
        error=target.error,
        addressing=ADDRESSING.get(placement, "comparator"),
        source=target.function,
    )


def _with_tails(table: CpwlTable, target: Target) -> CpwlTable:
    """Let the table follow the function's asymptotes outside the domain."""
    knots, slopes = table.knots.copy(), table.slopes
    largest = rough_error(target, table, knots)
    true = target.function(knots[[0, -1]])
    distance = largest * target.scale(true)
    low, high = (
        tails.Edge("left", float(knots[0]), float(true[0]), float(slopes[0]), table.left[1]),
        tails.Edge("right", float(knots[-1]), float(true[1]), float(slopes[-1]), table.right[1]),
    )
    left, knots[0] = tails.choose(low, target.function.left, float(distance[0]))
    right, knots[-1] = tails.choose(high, target.function.right, float(distance[1]))
    return replace(table, knots=knots, left=left, right=right)
