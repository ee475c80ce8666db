"""One execution of a program: the values computed so far, instruction by instruction."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approx.machine.checks import TABLES
from approx.machine.copies import COPIES
from approx.machine.file import numpy_type, to_bfloat16
from approx.machine.lookup import LOOKUP
from approx.machine.units import Units
from approx.machine.words import Words, guarded, plain


class Execution:
    """One execution: the values computed so far."""

    def __init__(
        self, inputs: Iterator[NDArray[Any]], arrays: Mapping[str, NDArray[Any]], reported: set[str]
    ) -> None:
        self.unit = Units()
        self.instructions: Counter[str] = Counter()
        self.values: dict[str, Any] = {}
        self.results: list[Any] = []
        self._inputs = inputs
        self._arrays = arrays
        self._reported = reported

    def execute(self, node: Mapping[str, Any]) -> None:
        """Execute one instruction and keep its value."""
        step = {"input": self._input, "tensor": self._tensor, "site": self._site, "output": self._output}
        try:
            self.values[node["name"]] = step.get(node["op"], self._call)(node)
        except (TypeError, ValueError, IndexError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"node {node['name']} ({node.get('target', node['op'])}): {error}") from error

    def _input(self, node: Mapping[str, Any]) -> Any:
        return guarded(np.asarray(next(self._inputs), numpy_type(node["value"]["dtype"])))

    def _tensor(self, node: Mapping[str, Any]) -> Any:
        return self._arrays[node["key"]]

    def _site(self, node: Mapping[str, Any]) -> Any:
        self.instructions["lookup"] += 1
        knots, lines = self._arrays[node["knots"]], self._arrays[node["lines"]]
        return LOOKUP["table"](self.unit, self._argument(node["args"][0]), knots, lines)

    def _output(self, node: Mapping[str, Any]) -> None:
        self.results = self._argument(node["args"])

    def _call(self, node: Mapping[str, Any]) -> Any:
        kind = node["kind"]
        self.instructions[kind] += 1
        arguments = self._argument(node["args"])
        if node["name"] in self._reported:
            arguments = [plain(a) if isinstance(a, Words) else a for a in arguments]
        named = {name: self._argument(value) for name, value in node["kwargs"].items()}
        function = TABLES[kind][node["target"]]
        if kind in ("move", "host"):
            with np.errstate(all="ignore"):  # the host may take the log of 0, as torch does
                result = _typed(function(*arguments, **named), node["value"])
        else:
            result = function(self.unit, *arguments, **named)
        if kind == "move" and node["target"] in COPIES:
            self.unit.work["move"] += np.size(plain(result))
        if kind == "host":
            return _host_result(result)
        return in_type(guarded(result), node["value"])

    def _argument(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._argument(item) for item in value]
        if isinstance(value, dict):
            return self.values[value["node"]] if "node" in value else argument(value)
        return value


def argument(value: Any) -> Any:
    """An argument that is no value of the program: a number, a text, or one that JSON has no form for."""
    if not isinstance(value, dict):
        return value
    (kind, content), *_ = value.items()
    return _SPECIAL[kind](content)


_SPECIAL: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "dtype": numpy_type,
    "memory_format": lambda _: None,
    "device": lambda _: None,
}


def _typed(result: Any, stated: Any) -> Any:
    """The result in the type that the program states: numpy promotes otherwise than torch."""
    if isinstance(stated, dict) and "dtype" in stated:
        dtype = numpy_type(stated["dtype"])
        if stated["dtype"] == "bfloat16" and not isinstance(result, Words):
            return to_bfloat16(np.asarray(result))
        return result if isinstance(result, Words) else np.asarray(result).astype(dtype, copy=False)
    return result


def in_type(result: Any, stated: Any) -> Any:
    """Computed integers and masks in the type that the program states; they are words as floats are."""
    if isinstance(result, list | tuple):
        parts = stated if isinstance(stated, list) else [None] * len(result)
        return type(result)(in_type(part, own) for part, own in zip(result, parts, strict=True))
    if not isinstance(result, Words) or not isinstance(stated, dict) or "dtype" not in stated:
        return result
    dtype = numpy_type(stated["dtype"])
    return result if np.issubdtype(dtype, np.floating) else plain(result).astype(dtype).view(Words)


def _host_result(result: Any) -> Any:
    if isinstance(result, Words):
        raise TypeError("a host instruction gives a float that depends on an input")
    return result
