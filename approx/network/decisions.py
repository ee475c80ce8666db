"""Decisions: what a model's Python code decides by the values of integers and masks.

`if mask.any():` has no place in a fixed program. What the example decides is made part of it, and the value
decided by is one more result of the program, which every call compares with the example's: a call that would
decide otherwise is refused.
"""

import linecache
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

from approx.machine.decisions import Decision

_READS: set[Any] = {Tensor.__bool__, Tensor.__int__, Tensor.item, Tensor.tolist}
_OURS = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
Place = tuple[str, int]
"""A file and a line of it."""


@dataclass
class Values:
    """What an eager call read out of tensors, in order at each line."""

    found: dict[Place, list[Any]] = field(default_factory=lambda: defaultdict(list))

    @torch.no_grad()
    def of(self, call: Callable[[], Any]) -> "Values":
        """Call a model and note what its code reads."""
        with _Noting(self):
            call()
        return self


class _Noting(TorchFunctionMode):
    def __init__(self, values: Values) -> None:
        super().__init__()
        self._values = values

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _READS and not args[0].is_floating_point():
            self._values.found[_place()].append(result)
        return result


class Replay(TorchFunctionMode):
    """Answers a traced model's reads with what an eager call read at the same lines.

    Attributes:
        decisions: the reads that were answered.
        tensors: what was read, as traced.
    """

    def __init__(self, values: Values | None) -> None:
        super().__init__()
        self._left = {place: deque(found) for place, found in values.found.items()} if values else {}
        self.decisions: list[Decision] = []
        self.tensors: list[Tensor] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func not in _READS or not self._left or args[0].is_floating_point():
            return func(*args, **(kwargs or {}))
        place = _place()
        left = self._left.get(place)
        value = left.popleft() if left else None
        known = isinstance(args[0], FakeTensor) and args[0].constant is not None
        if value is None or known:
            return func(*args, **(kwargs or {}))
        self.decisions.append(Decision(value, shown(place)))
        self.tensors.append(args[0].clone())
        return value


def _place() -> Place:
    """The innermost line outside torch and this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((*_OURS, "<")):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def shown(place: Place) -> str:
    """A line with its file, as refusals show it."""
    name, line = place
    return f'File "{name}", line {line}: {linecache.getline(name, line).strip()}'
