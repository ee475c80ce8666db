"""A saved program, run instruction by instruction."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approx.machine.checks import TABLES, check, reads, reported
from approx.machine.decisions import Decision, parted
from approx.machine.execution import Execution, argument
from approx.machine.file import read
from approx.machine.fixed import FixedExecution
from approx.machine.sizes import InputSizes
from approx.machine.words import plain

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
        self._fixed: dict[str, Any] | None = document.get("fixed")
        self._counts: dict[str, Count] = {}
        data = document.get("numerics", {}).get("data", "fp32")
        if data in ("bf16", "fp16"):
            raise ValueError(f"data = {data}: must be fp32 or fixed point to run here")
        check(self._nodes, arrays)
        self._reported = reported(self._nodes)
        self._sizes = _input_sizes(self._call, self._nodes)
        self._state = {path: np.array(arrays[key]) for path, key in self._call["state"].items()}
        self._decisions = [
            Decision(argument(stated["value"]), stated["place"]) for stated in self._call.get("decisions", [])
        ]
        self._last_use = {name: i for i, node in enumerate(self._nodes) for name in reads(node)}

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """Present values of the buffers that the program writes, by their names in the model."""
        return dict(self._state)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that `run` takes."""
        return tuple(self._call["inputs"])

    def counts(self) -> dict[str, Count]:
        """What the last run executed, by kind; empty before the first."""
        return dict(self._counts)

    def run(self, inputs: Mapping[str, Any]) -> Any:
        """Execute the program; buffers and inputs that it writes have their new values afterwards.

        Args:
            inputs: arrays by name, shaped as the model takes them, nested as the model nests them; float32
                and integers.

        Returns:
            What the model returns: an array, or a tuple, list or dict of them; a ModelOutput is a dict.

        Raises:
            ValueError: the inputs are not those of the program, or of a size that it does not serve.
            TypeError: the program computes with float data outside its units; the message names the node.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(f"inputs = {', '.join(inputs)}: must be {', '.join(self.inputs)}")
        given = [*self._tensors(inputs), *self._state.values()]
        run = self._execution(iter(given))
        for position, node in enumerate(self._nodes):
            run.execute(node)
            for name in set(reads(node)):
                if self._last_use[name] == position:
                    del run.values[name]
        self._counts = {kind: Count(run.instructions[kind], run.unit.work[kind]) for kind in TABLES}
        results = [_result(leaf) for leaf in run.results]
        _, written = parted(results, self._decisions, len(self._call["written"]))
        for position, new in zip(self._call["written"], written, strict=True):
            np.copyto(given[position], new)
        return _nested(self._results, self._leaves(iter(results)))

    def _tensors(self, inputs: Mapping[str, Any]) -> list[NDArray[Any]]:
        """The arrays among the inputs, whose sizes and whose numbers and texts are the program's."""
        constants = self._call["constants"]
        arrays = []
        for i, leaf in enumerate(_flat(self._call["structure"], inputs)):
            if str(i) not in constants:
                arrays.append(np.asarray(leaf))
            elif leaf != (traced := argument(constants[str(i)])):
                label = self._call["labels"][i]
                raise ValueError(f"{label} = {leaf!r}: must be {traced!r}, which the program was traced with")
        self._sizes.check([array.shape for array in arrays], self._call["sizes"]["served"])
        return arrays

    def _leaves(self, results: Iterator[Any]) -> Iterator[Any]:
        """What the model returns, in order: results, and what is the same for every input."""
        constants = self._call["returned"]
        for i in itertools.count():
            yield argument(constants[str(i)]) if str(i) in constants else next(results)

    def _execution(self, inputs: Iterator[NDArray[Any]]) -> Execution:
        if self._fixed is None:
            return Execution(inputs, self._arrays, self._reported)
        return FixedExecution(self._fixed, inputs, self._arrays, self._reported)


def _input_sizes(call: Mapping[str, Any], nodes: list[dict[str, Any]]) -> InputSizes:
    labels = [label for i, label in enumerate(call["labels"]) if str(i) not in call["constants"]]
    shapes = [tuple(node["value"]["shape"]) for node in nodes if node["op"] == "input"]
    return InputSizes(tuple(labels), tuple(shapes[: len(labels)]), tuple(call["sizes"]["conditions"]))


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
