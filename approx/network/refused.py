"""What torch.export cannot trace, in one line: what it met, where, and what would help."""

import linecache
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from approx.network.builder import UnsupportedOperator

_OURS = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
_LONGEST = 240

DECIDES = (
    "it decides by a computed value, or makes a size of one (if, while, .item(), .tolist(), nonzero, a "
    "mask as an index), which no fixed program can; torch.where, a fixed number of steps or a mask that "
    "is multiplied would be supported"
)


class DecidesByValue(UnsupportedOperator):
    """The model's Python code decides by the values of a tensor."""


_MEETINGS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("data-dependent", "data dependent", "_local_scalar_dense", "GuardOnDataDependent", "aten.nonzero"),
        DECIDES,
    ),
    (
        ("meta tensor", "Meta tensor", "aten::_local_scalar_dense"),
        "it reads a number out of a tensor on the meta device, which has none; a model on the CPU would be "
        "supported",
    ),
)


def refused_by_export(error: Exception) -> Exception:
    """The refusal that stands for an error of torch.export."""
    if isinstance(error, MemoryError | UnsupportedOperator):
        return error
    if isinstance(error, ValueError) and "the model returns" in str(error):
        return UnsupportedOperator(str(error))
    text = _line(str(error))
    place = _place(error)
    for marks, reason in _MEETINGS:
        if any(mark in f"{type(error).__name__} {error}" for mark in marks):
            kind = DecidesByValue if reason is DECIDES else UnsupportedOperator
            return kind(f"model at {place}: {reason}")
    return UnsupportedOperator(
        f"model at {place}: it cannot be traced ({type(error).__name__}: {_without_advice(text)}); a forward "
        "that runs on these inputs and that torch.export takes would be supported"
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _without_advice(text: str) -> str:
    """The first sentences, without what torch advises its own users."""
    for mark in (
        "Suggested fixes",
        "For more information",
        "The following call raised",
        "(Size-like symbols",
    ):
        text = text.split(mark)[0]
    return text.strip(" .:")[:_LONGEST]


def _place(error: BaseException) -> str:
    """The innermost line of the model's own code that the error passed through."""
    frames = [frame for found in _causes(error) for frame in _frames(found.__traceback__)]
    outside = [(name, line) for name, line in frames if not name.startswith((*_OURS, "<"))]
    if not outside:
        return "the model itself"
    name, line = outside[-1]
    return f'File "{name}", line {line}: {linecache.getline(name, line).strip()}'


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _frames(trace: TracebackType | Any) -> Iterator[tuple[str, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
