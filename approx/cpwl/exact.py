"""Exact tables of functions that are piecewise linear themselves."""

from __future__ import annotations

import numpy as np

from approx.cpwl.table import CpwlTable
from approx.cpwl.target import Target


def exact_table(target: Target, placement: str, bias: str) -> CpwlTable:
    """Return the table that equals the function everywhere: one segment more than it has kinks.

    The outer knots are the domain's ends, moved out where they would not enclose the kinks.
    """
    function = target.function
    inner = np.asarray(function.kinks)
    lo = target.lo if target.lo < inner[0] else inner[0] - 1.0
    hi = target.hi if target.hi > inner[-1] else inner[-1] + 1.0
    knots = np.concatenate(([lo], inner, [hi]))
    slopes = function.first(0.5 * (knots[:-1] + knots[1:]))
    at_kinks = function(inner)
    intercepts = np.concatenate((at_kinks[:1] - slopes[0] * inner[0], at_kinks - slopes[1:] * inner))
    return CpwlTable(
        function=function.name,
        domain=(target.lo, target.hi),
        knots=knots,
        slopes=slopes,
        intercepts=intercepts,
        left=(slopes[0], intercepts[0]),
        right=(slopes[-1], intercepts[-1]),
        placement=placement,
        bias=bias,
        error=target.error,
        addressing="shift" if function.kinks == (0.0,) else "comparator",  # the sign bit, or comparisons
        exact=True,
        source=function,
    )
