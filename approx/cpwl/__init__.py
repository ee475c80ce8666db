"""Continuous piecewise-linear approximation of scalar functions, with numpy and scipy only."""

from approx.cpwl.bias import BIASES
from approx.cpwl.catalogue import FUNCTIONS, get_function, split_name
from approx.cpwl.density import Density
from approx.cpwl.fit import MAX_SEGMENTS, fit
from approx.cpwl.fixed_point import FixedPoint
from approx.cpwl.function import Function
from approx.cpwl.placement import ADDRESSING, PLACEMENTS
from approx.cpwl.range_reduction import ReducedTable
from approx.cpwl.table import CpwlTable

__all__ = [
    "ADDRESSING",
    "BIASES",
    "FUNCTIONS",
    "MAX_SEGMENTS",
    "PLACEMENTS",
    "CpwlTable",
    "Density",
    "FixedPoint",
    "Function",
    "ReducedTable",
    "fit",
    "get_function",
    "split_name",
]
