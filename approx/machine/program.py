"""A saved program, run instruction by instruction."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approx.machine.checks import TABLES, check, reads, reported
from approx.machine.copies import COPIES
from approx.machine.file import numpy_type, read
from approx.machine.lookup import LOOKUP
from approx.machine.units import Units
from approx.machine.words import Words, guarded, plain

_MALFORMED = (KeyError, TypeError, IndexError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Count:
    """What one kind of instruction came to.

    Attributes:
        instructions: instructions executed.
        elements: multiply-accumulates of the products, elements of all else; a view has none.
    """

    instructions: int
    elements: int


def load(path: str | Path) -> "Program":
    """Read a saved program to run it with numpy alone.

    Raises:
        ValueError: the file is damaged or no program, or asks for something other than the five kinds.
    """
    file = read(path)
    arrays = file.arrays()
    try:
        return Program(file.document, arrays)
    except _MALFORMED as error:
        raise file.refused(f"its program is malformed ({error!r})") from None
    except ValueError as error:
        raise file.refused(str(error)) from None


class Program:
    """A program of GEMM, Hadamard, lookup, move and host instructions."""

    def __init__(self, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self._nodes: list[dict[str, Any]] = document["nodes"]
        self._call: dict[str, Any] = document["call"]
        self._results: Any = document["output"]
        self._arrays = arrays
        self._counts: dict[str, Count] = {}
        check(self._nodes, arrays)
        self._reported = reported(self._nodes)
        self._last_use = {name: i for i, node in enumerate(self._nodes) for name in reads(node)}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that `run` takes."""
        return tuple(self._call["inputs"])

    def counts(self) -> dict[str, Count]:
        """What the last run executed, by kind; empty before the first."""
        return dict(self._counts)

    def run(self, inputs: Mapping[str, Any]) -> Any:
        """Execute the program.

        Args:
            inputs: arrays by name, shaped as the model takes them, nested as the model nests them; float32
                and integers.

        Returns:
            What the model returns: an array, or a tuple, list or dict of them; a ModelOutput is a dict.

        Raises:
            ValueError: the inputs are not those of the program.
            TypeError: the program computes with float data outside its units; the message names the node.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(f"inputs = {', '.join(inputs)}: must be {', '.join(self.inputs)}")
        run = _Run(iter(_flat(self._call["structure"], inputs)), self._arrays, self._reported)
        for position, node in enumerate(self._nodes):
            run.execute(node)
            for name in set(reads(node)):
                if self._last_use[name] == position:
                    del run.values[name]
        self._counts = {kind: Count(run.instructions[kind], run.unit.work[kind]) for kind in TABLES}
        return _nested(self._results, iter([_result(leaf) for leaf in run.results]))


class _Run:
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
        step = {"input": self._input, "tensor": self._tensor, "site": self._site, "output": self._output}
        try:
            self.values[node["name"]] = step.get(node["op"], self._call)(node)
        except (TypeError, ValueError, IndexError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"node {node['name']} ({node.get('target', node['op'])}): {error}") from error

    def _input(self, node: Mapping[str, Any]) -> Any:
        if "constant" in node:
            given, traced = next(self._inputs), self._argument(node["constant"])
            if given != traced:
                raise ValueError(f"{given!r}: must be {traced!r}, which the program was traced with")
            return traced
        given = np.asarray(next(self._inputs), numpy_type(node["value"]["dtype"]))
        stated = node["value"]["shape"]
        fits = len(stated) == given.ndim and all(
            isinstance(want, str) or want == have for want, have in zip(stated, given.shape, strict=True)
        )
        if not fits:
            raise ValueError(f"shape {given.shape}: must be ({', '.join(map(str, stated))})")
        return guarded(given)

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
        return guarded(result)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._argument(item) for item in value]
        if isinstance(value, dict):
            (kind, content), *_ = value.items()
            return self.values[content] if kind == "node" else _SPECIAL[kind](content)
        return value


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
        return result if isinstance(result, Words) else np.asarray(result).astype(dtype, copy=False)
    return result


def _host_result(result: Any) -> Any:
    if isinstance(result, Words):
        raise TypeError("a host instruction gives a float that depends on an input")
    return result


def _result(leaf: Any) -> Any:
    return plain(leaf) if isinstance(leaf, np.ndarray) else leaf


def _flat(structure: Any, value: Any) -> Iterator[Any]:
    """The leaves of a nested value, in order."""
    if structure is None:
        yield value
        return
    ((kind, parts), *_) = structure.items()
    items = parts.items() if kind == "dict" else enumerate(parts)
    for key, part in items:
        yield from _flat(part, value[key])


def _nested(structure: Any, leaves: Iterator[Any]) -> Any:
    """The nested value of which these are the leaves."""
    if structure is None:
        return next(leaves)
    kind, parts = next(iter(structure.items()))
    if kind in ("dict", "ModelOutput"):
        return {key: _nested(part, leaves) for key, part in parts.items()}
    return (tuple if kind == "tuple" else list)(_nested(part, leaves) for part in parts)
