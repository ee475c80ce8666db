"""Symbolic sizes as texts, which a person can read and `approx.machine.sizes` evaluates."""

from contextlib import AbstractContextManager
from typing import Any

import sympy
import torch
from torch.fx.experimental import _config as shapes_config
from torch.utils._sympy.functions import CleanDiv, FloorDiv, Max, Min, Mod, PythonMod

Names = dict[sympy.Symbol, str]


def no_special_sizes() -> AbstractContextManager[Any]:
    """While it lasts, torch takes free sizes of 0 and 1 for sizes like any other."""
    config: Any = shapes_config
    patched: AbstractContextManager[Any] = config.patch(backed_size_oblivious=True)
    return patched


_JOINTS: dict[Any, str] = {
    sympy.Add: " + ",
    sympy.Mul: " * ",
    FloorDiv: " // ",
    CleanDiv: " // ",
    Mod: " % ",
    PythonMod: " % ",
    sympy.Eq: " == ",
    sympy.Ne: " != ",
    sympy.StrictLessThan: " < ",
    sympy.LessThan: " <= ",
    sympy.StrictGreaterThan: " > ",
    sympy.GreaterThan: " >= ",
    sympy.And: " and ",
    sympy.Or: " or ",
}
_CALLS: dict[Any, str] = {Max: "max", Min: "min", sympy.Max: "max", sympy.Min: "min"}


def size_text(size: Any, names: Names) -> int | str:
    """A size as a number, or as a text such as "batch * 64 + 1".

    Args:
        size: an int or a SymInt.
        names: what each free size is called; those not yet named are added.

    Raises:
        ValueError: the size is made of more than integers, free sizes and whole arithmetic.
    """
    if not isinstance(size, torch.SymInt):
        return int(size)
    expression = size.node.expr
    return int(expression) if expression.is_Integer else text(expression, names)


def text(e: Any, names: Names) -> str:
    """An expression or condition as a text.

    Raises:
        ValueError: it is made of more than integers, free sizes, whole arithmetic and comparisons.
    """
    if isinstance(e, sympy.Integer):
        return str(e)
    if isinstance(e, sympy.Symbol):
        return names.setdefault(e, f"n{len(names)}")
    if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Integer) and e.exp > 0:
        return "(" + " * ".join([text(e.base, names)] * int(e.exp)) + ")"
    if isinstance(e, sympy.Not):
        return f"(not {text(e.args[0], names)})"
    parts = [text(part, names) for part in e.args] if type(e) in (_JOINTS | _CALLS) else []
    if type(e) in _CALLS:
        return f"{_CALLS[type(e)]}({', '.join(parts)})"
    if type(e) in _JOINTS:
        return "(" + _JOINTS[type(e)].join(parts) + ")"
    raise ValueError(f"size {e}: must be made of integers, free sizes, +, -, *, //, %, max and min")
