"""A saved program in fixed point, run in integers alone.

An input becomes integers on the way in, a result numbers on the way out; between them nothing is a float but
what the host knows beforehand: weights, masks and Python's numbers, which it makes integers of, by the
program's plan, before a unit reads them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approx.machine.checks import TABLES, gives_floats
from approx.machine.choices import COUNTS, compares, guide, is_number
from approx.machine.copies import COPIES
from approx.machine.execution import Execution, in_type
from approx.machine.gemm import GEMM, Spread, spread
from approx.machine.integer import IntegerUnits, reciprocal
from approx.machine.move import MOVE
from approx.machine.windows import axes_last, batched, each, windows
from approx.machine.words import Words, plain

Step = Mapping[str, Any]
_SUMS = ("aten.sum.dim_IntList", "aten.mean.dim")
_MULTIPLY = ("aten.mul.Tensor", "aten.mul.Scalar")
_ACCUMULATING = ("aten.index_add.default", "aten.scatter_add.default")
_WITHOUT_DIGITS = tuple(f"aten.{name}.default" for name in ("ceil", "floor", "round", "trunc"))
_SUBTRACT = ("aten.sub.Tensor", "aten.sub.Scalar")


class FixedExecution(Execution):
    """One execution in integers.

    Attributes:
        unit: computes.
    """

    unit: IntegerUnits

    def __init__(self, fixed: Mapping[str, Any], *arguments: Any) -> None:
        super().__init__(*arguments)
        self.unit = IntegerUnits(fixed["accumulator"])
        self._plan: Mapping[str, Step] = fixed["plan"]
        self._rounded: Mapping[str, str] = fixed.get("rounded", {})

    def _input(self, node: Mapping[str, Any]) -> Any:
        given = super()._input(node)
        step = self._plan.get(node["name"])
        return given if step is None else _quantised(plain(given), step["word"])

    def _output(self, node: Mapping[str, Any]) -> None:
        self.results = [self._number(value) for value in node["args"]]

    def _number(self, value: Any) -> Any:
        result = self._argument(value)
        step = self._plan.get(value["node"]) if isinstance(value, dict) and "node" in value else None
        if step is None:
            return result
        return (plain(result) * 2.0 ** -step["word"]["fraction"]).astype(np.float32)

    def _site(self, node: Mapping[str, Any]) -> Any:
        self.instructions["lookup"] += 1
        (source,), step, table = node["args"], self._plan[node["name"]], node["fixed"]
        return _site(self.unit, self._argument(source), self._word(source), step["word"], table)

    def _call(self, node: Mapping[str, Any]) -> Any:
        step = self._plan.get(node["name"])
        if step is None:
            return super()._call(node)
        self.instructions[node["kind"]] += 1
        result = self._planned(node, step) if gives_floats(node) else self._whole(node)
        if node["target"] in COPIES:
            self.unit.work["move"] += np.size(plain(result))
        return _guarded(result)

    def _planned(self, node: Mapping[str, Any], step: Step) -> Any:
        target = node["target"]
        if step["fraction"] is not None:
            return self._product(node, step)
        if target in _WITHOUT_DIGITS:
            return self._without_digits(node, step)
        if target in _SUMS or target.startswith("aten.avg_pool"):
            return self._sum(node, step)
        if target in _ACCUMULATING:
            return self.unit.rounded(self._chosen(node, step), 0, _limit(step["word"]))
        if node["kind"] == "hadamard" and target != "aten.neg.default":
            return self._hadamard(node, step)
        return self._chosen(node, step)

    def _product(self, node: Mapping[str, Any], step: Step) -> Any:
        """A matrix product of integers, rounded by each output channel's shift."""
        arguments = [self._operand(value, step, i) for i, value in enumerate(node["args"]) if i != 1]
        arguments.insert(1, self._weights(node, step))
        sums = GEMM[node["target"]](self.unit, *arguments, **node["kwargs"])
        word = step["word"]
        shift = np.array(step["fraction"], dtype=np.int64) - word["fraction"]
        if shift.ndim and not node["target"].startswith("aten.linear"):
            shift = shift.reshape([-1] + [1] * (np.ndim(arguments[1]) - 2))
        return self.unit.rounded(sums, shift, _limit(word))

    def _operand(self, value: Any, step: Step, position: int) -> Any:
        argument, operand = self._argument(value), step["operands"].get(str(position))
        if operand is None:
            return argument
        if "multiplier" in operand:
            multiplier, limit = operand["multiplier"], 2 ** (operand["bits"] - 1) - 1
            return self.unit.rounded(argument, operand["shift"], limit, multiplier)
        return _constant(argument, operand)

    def _weights(self, node: Mapping[str, Any], step: Step) -> Any:
        """The second operand of a matrix product, a step for each output channel where it has several."""
        operand = step["operands"].get("1")
        if operand is not None and node["name"] in self._rounded:
            limit = 2 ** (operand["bits"] - 1) - 1
            return np.clip(self._arrays[self._rounded[node["name"]]].astype(np.int64), -limit, limit)
        if operand is None or not isinstance(operand.get("fraction"), list):
            return self._operand(node["args"][1], step, 1)
        weight = self._argument(node["args"][1])
        layout = spread(node["target"], node["args"], weight.shape)
        return _constant(weight, operand, layout)

    def _sum(self, node: Mapping[str, Any], step: Step) -> Any:
        """Rows, or windows, times a vector of ones; times 1/n and rounded."""
        x = self._operand(node["args"][0], step, 0)
        rest = map(self._argument, node["args"][1:])
        named = {name: self._argument(value) for name, value in node["kwargs"].items()}
        layout = _rows if node["target"] in _SUMS else _windows
        rows, shape = layout(node["target"], x, *rest, **named)
        sums = self.unit.product(rows, np.ones((rows.shape[-1], 1), np.int64)) if rows.shape[-1] > 1 else rows
        multiplier, shift = step["multiplier"], step["shift"]
        if multiplier == 0:  # of the terms that there are
            multiplier, shift = reciprocal(rows.shape[-1])
        shift += self._fraction(node["args"][0], step, 0) - step["word"]["fraction"]
        result = self.unit.rounded(sums, shift, _limit(step["word"]), multiplier)
        return result.reshape(shape)

    def _hadamard(self, node: Mapping[str, Any], step: Step) -> Any:
        arguments = [self._operand(value, step, i) for i, value in enumerate(node["args"][:2])]
        fractions = [self._fraction(value, step, i) for i, value in enumerate(node["args"][:2])]
        if node["target"] in _MULTIPLY:
            exact, fraction = self.unit.multiply(*arguments), sum(fractions)
        else:
            fraction = max(fractions)
            a, b = (self.unit.aligned(x, fraction - own) for x, own in zip(arguments, fractions, strict=True))
            exact = (self.unit.subtract if node["target"] in _SUBTRACT else self.unit.add)(a, b)
        return self.unit.rounded(exact, fraction - step["word"]["fraction"], _limit(step["word"]))

    def _fraction(self, value: Any, step: Step, position: int) -> int:
        operand = step["operands"].get(str(position))
        if operand is not None and "fraction" in operand:
            return int(operand["fraction"])
        return int(self._word(value)["fraction"] - (0 if operand is None else operand["shift"]))

    def _chosen(self, node: Mapping[str, Any], step: Step) -> Any:
        """A move or a maximum: all that joins in is brought to the result's word."""
        guides, word = guide(node["target"]), step["word"]
        arguments = [
            self._operand(value, step, i)
            if str(i) in step["operands"]
            else self._argument(value)
            if i == guides
            else self._in_word(float(value) if is_number(node["target"], i, value) else value, word)
            for i, value in enumerate(node["args"])
        ]
        named = {name: self._in_word(value, step["word"]) for name, value in node["kwargs"].items()}
        if node["kind"] == "move":
            return MOVE[node["target"]](*arguments, **named)
        return TABLES[node["kind"]][node["target"]](self.unit, *arguments, **named)

    def _in_word(self, value: Any, word: Mapping[str, int]) -> Any:
        if isinstance(value, list):
            return [self._in_word(item, word) for item in value]
        argument = self._argument(value)
        if isinstance(value, dict) and value.get("node") in self._plan and isinstance(argument, Words):
            shift = self._word(value)["fraction"] - word["fraction"]
            same = self._word(value) == word
            return argument if same else self.unit.rounded(argument, shift, _limit(word))
        if isinstance(argument, float) or (
            isinstance(argument, np.ndarray) and np.issubdtype(argument.dtype, np.floating)
        ):
            return _quantised(np.asarray(argument, np.float32), word)
        return argument

    def _whole(self, node: Mapping[str, Any]) -> Any:
        """Integers and masks, made of words as they are; values that are compared are aligned first."""
        target, kind = node["target"], node["kind"]
        named = {name: self._argument(value) for name, value in node["kwargs"].items()}
        if compares(target):
            arguments = self._aligned(node["args"])
        elif target == "aten.to.dtype":
            arguments = [self._in_word(node["args"][0], {"bits": 63, "fraction": 0}), *node["args"][1:]]
            return in_type(arguments[0], node["value"])
        else:
            arguments = [self._argument(value) for value in node["args"]]
        function = COUNTS.get(target) or TABLES[kind][target]
        result = function(*arguments, **named) if kind == "move" else function(self.unit, *arguments, **named)
        return in_type(_guarded(result), node["value"])

    def _aligned(self, values: Sequence[Any]) -> list[Any]:
        """Two values on one scale; a number that lies between two words becomes half a step between them."""
        planned = [isinstance(v, dict) and v.get("node") in self._plan for v in values]
        fractions = [self._word(v)["fraction"] for v, known in zip(values, planned, strict=True) if known]
        finest = max(fractions) + 1  # room for half a step
        return [
            self.unit.aligned(self._argument(v), finest - self._word(v)["fraction"])
            if known
            else self._threshold(self._argument(v), finest)
            for v, known in zip(values, planned, strict=True)
        ]

    def _threshold(self, value: Any, fraction: int) -> Any:
        """A number to compare words with: an odd integer where no word is equal to it."""
        number = np.asarray(value)
        exact = number.astype(np.float32 if np.issubdtype(number.dtype, np.floating) else number.dtype)
        with np.errstate(over="ignore"):
            scaled = np.clip(exact.astype(np.float64) * 2.0 ** (fraction - 1), -(2.0**50), 2.0**50)
        below = np.floor(scaled)
        return (2 * below + (scaled > below)).astype(np.int64).view(Words)

    def _without_digits(self, node: Mapping[str, Any], step: Step) -> Any:
        """Words rounded to whole numbers, and to the result's word."""
        (value, *_), word = node["args"], step["word"]
        fraction = max(self._word(value)["fraction"], 0)
        x = self.unit.aligned(self._argument(value), fraction - self._word(value)["fraction"])
        whole = self.unit.whole_part(x, fraction, node["target"].split(".")[1])
        return self.unit.rounded(whole, -word["fraction"], _limit(word))

    def _word(self, value: Mapping[str, Any]) -> Mapping[str, int]:
        word: Mapping[str, int] = self._plan[value["node"]]["word"]
        return word


def _limit(word: Mapping[str, int]) -> int:
    return int(2 ** (word["bits"] - 1) - 1)


def _quantised(values: NDArray[Any], word: Mapping[str, int]) -> Any:
    """Numbers that the host knows, or a program's input, as integers of a word."""
    scaled = np.rint(np.asarray(values, np.float64) * 2.0 ** word["fraction"])
    integers = np.clip(scaled, -_limit(word), _limit(word)).astype(np.int64)
    return integers.view(Words) if integers.ndim else int(integers)


def _constant(values: Any, operand: Mapping[str, Any], layout: Spread | None = None) -> Any:
    """Weights, biases and numbers as integers; `layout` shapes steps of output channels to the weights."""
    numbers, limit = np.asarray(values, np.float64), 2 ** (operand["bits"] - 1) - 1
    factor = 2.0 ** np.array(operand["fraction"], np.float64) / operand["divisor"]
    factor = factor if layout is None else layout(factor)
    return np.clip(np.rint(numbers * factor), -limit, limit).astype(np.int64)


def _site(
    unit: IntegerUnits, x: Any, source: Mapping[str, int], word: Mapping[str, int], table: Mapping[str, Any]
) -> Words:
    """A table's value at integers, all parts brought to one scale by shifts to the left."""
    t, k, o = table["fractions"]
    knots, slopes, offsets = (np.array(table[part], np.int64) for part in ("knots", "slopes", "offsets"))
    slopes <<= np.array(table.get("shifts", [0]), np.int64)
    common = max(source["fraction"], t + 1)
    finest = max(k + common, o)
    middles = np.concatenate([[0], (knots[:-1] + knots[1:]) << (common - t - 1), [0]])
    rows = np.stack([slopes, middles, offsets << (finest - o)], axis=1)
    aligned = unit.aligned(x, common - source["fraction"])
    value = unit.table(aligned, knots << (common - t), rows, finest - k - common)
    return unit.rounded(value, finest - word["fraction"], _limit(word))


def _rows(_: str, x: Any, dims: Any = None, keepdim: bool = False, **__: Any) -> tuple[Any, Sequence[int]]:
    return axes_last(x, dims, keepdim)


def _windows(
    target: str, x: Any, kernel: Any, stride: Any = (), padding: Any = (0,), *_: Any, **__: Any
) -> tuple[Any, Sequence[int]]:
    axes = int(target.removeprefix("aten.avg_pool")[0])
    whole, window = batched(x, axes), each(kernel, axes)
    steps = each(stride or kernel, axes)
    taken = windows(whole, window, steps, each(padding, axes), each(1, axes), 0)
    rows = np.moveaxis(taken, 1 + axes, 1)
    shape = rows.shape[: 2 + axes]
    return rows.reshape(*shape, -1), shape if whole is x else shape[1:]


def _guarded(value: Any) -> Any:
    """Every array of a planned value is words."""
    if isinstance(value, list | tuple):
        return type(value)(_guarded(item) for item in value)
    return value.view(Words) if isinstance(value, np.ndarray) else value
