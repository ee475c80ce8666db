"""The sizes of inputs that a program serves, and the one line that refuses any other.

A size is a number, or a text such as "batch * 64 + 1": integers and free sizes under +, -, *, //, %, max and
min. Conditions compare such texts. They are parsed here and never evaluated as code.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Size = int | str
Shape = tuple[Size, ...]

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
Extremes = Mapping[str, Callable[..., Any]]
_EXTREMES: Extremes = {"max": max, "min": min}
_ALL = {ast.And: all, ast.Or: any}


def value_of(text: Size, free: Mapping[str, Any], extremes: Extremes = _EXTREMES) -> Any:
    """A size or condition, its free sizes looked up in `free`.

    Args:
        text: the size or condition.
        free: numbers, or what computes as numbers do.
        extremes: what max and min do to those.

    Raises:
        ValueError: the text is made of anything else.
    """
    return text if isinstance(text, int) else _Evaluation(free, extremes).of(_parsed(text))


def holds(condition: str, free: Mapping[str, int]) -> bool:
    """Whether a condition is about these free sizes alone, and true for them."""
    return set(_names(condition)) <= set(free) and bool(value_of(condition, free))


def _parsed(text: str) -> ast.AST:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        raise _refused(text) from None


def _refused(text: str) -> ValueError:
    return ValueError(f"size {text[:80]!r}: must be made of integers, names, +, -, *, //, %, max and min")


class _Evaluation:
    """The value of a parsed text."""

    def __init__(self, free: Mapping[str, Any], extremes: Extremes) -> None:
        self.free, self.extremes = free, extremes

    def of(self, tree: ast.AST) -> Any:
        if isinstance(tree, ast.Constant) and type(tree.value) is int:
            return tree.value
        if isinstance(tree, ast.Name):
            return self.free[tree.id]
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return -self.of(tree.operand)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
            return not self.of(tree.operand)
        if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
            return _OPERATORS[type(tree.op)](self.of(tree.left), self.of(tree.right))
        if isinstance(tree, ast.BoolOp):
            return _ALL[type(tree.op)](self.of(part) for part in tree.values)
        if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and type(tree.ops[0]) in _COMPARISONS:
            return _COMPARISONS[type(tree.ops[0])](self.of(tree.left), self.of(tree.comparators[0]))
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in _EXTREMES:
            return self.extremes[tree.func.id](*(self.of(part) for part in tree.args))
        raise _refused(ast.unparse(tree))


@dataclass(frozen=True)
class InputSizes:
    """The sizes that a program serves.

    Attributes:
        names: what a person calls each input tensor: "x", or "cache.layers[0].keys" inside a container.
        shapes: of each; a free size is a name.
        conditions: on free sizes, all of which must hold.
    """

    names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    conditions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse sizes and conditions that are not made of integers and free sizes of the inputs.

        Raises:
            ValueError: names what is not.
        """
        free = {size: 2 for shape in self.shapes for size in shape if isinstance(size, str)}
        for text in (*free, *self.conditions):
            try:
                value_of(text, free)
            except ZeroDivisionError:
                continue
            except KeyError:
                raise _refused(text) from None

    def check(
        self, given: Sequence[Sequence[int]], calibrated: Mapping[str, Sequence[int]] | None = None
    ) -> dict[str, int]:
        """The free sizes of some inputs, by their name.

        Args:
            given: the shape of each input.
            calibrated: the least and the largest of free sizes for which tables and words were made.

        Raises:
            ValueError: a size is none that the program serves; names the input, the size and what is allowed.
        """
        free: dict[str, int] = {}
        places: dict[str, str] = {}
        for name, shape, have in zip(self.names, self.shapes, given, strict=True):
            if len(shape) != len(have):
                shown = f"({', '.join(map(str, shape))})"
                raise ValueError(f"{name} has shape {tuple(have)}: must be {shown}, {len(shape)} dimensions")
            for axis, (want, size) in enumerate(zip(shape, have, strict=True)):
                if isinstance(want, str) and want.isidentifier() and want not in free:
                    free[want], places[want] = int(size), f"{name}.shape[{axis}]"
        self._check_sizes(given, free, places)
        self._check_conditions(free, places)
        for name, (low, high) in (calibrated or {}).items():
            if not low <= free[name] <= high:
                raise ValueError(
                    f"{places[name]} = {free[name]}: must be from {low} to {high}, for which the tables and "
                    "words are made; an example and calibration batches of other sizes widen it"
                )
        return free

    def allow(self, free: Mapping[str, int]) -> bool:
        """Whether all conditions hold for some free sizes."""
        return all(value_of(condition, free) for condition in self.conditions)

    def _check_sizes(
        self, given: Sequence[Sequence[int]], free: dict[str, int], places: dict[str, str]
    ) -> None:
        for name, shape, have in zip(self.names, self.shapes, given, strict=True):
            for axis, (want, size) in enumerate(zip(shape, have, strict=True)):
                if value_of(want, free) == size:
                    continue
                place, allowed = f"{name}.shape[{axis}] = {size}", value_of(want, free)
                if isinstance(want, int):
                    raise ValueError(
                        f"{place}: must be {want}, as the program was traced; dynamic_shapes frees an axis"
                    )
                raise ValueError(f"{place}: must be {allowed}, which is {_shown(want, places)}")

    def _check_conditions(self, free: dict[str, int], places: dict[str, str]) -> None:
        for condition in self.conditions:
            if not value_of(condition, free):
                sizes = ", ".join(f"{places[n]} = {free[n]}" for n in _names(condition))
                raise ValueError(
                    f"{sizes}: must satisfy {_shown(condition, places)}, as the program was traced"
                )


def _names(text: str) -> list[str]:
    """The free sizes of a text, in order."""
    found = [n.id for n in ast.walk(_parsed(text)) if isinstance(n, ast.Name) and n.id not in _EXTREMES]
    return list(dict.fromkeys(found))


def _shown(text: str, places: Mapping[str, str]) -> str:
    """The text with the inputs' axes in the place of names."""

    class Named(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.Name:
            return ast.Name(places.get(node.id, node.id))

    return ast.unparse(Named().visit(_parsed(text)))
