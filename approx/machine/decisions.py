"""Values that decided what a program is: every call compares what they are now with the example's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Decision:
    """A value that the model's code decides by.

    Attributes:
        value: what it is for the example: a flag, a whole number or nested lists of them.
        place: the line of the model that reads it.
    """

    value: Any
    place: str

    def check(self, found: Any) -> None:
        """Refuse a call for which the value is another.

        Raises:
            ValueError: names the line, the value and what it must be.
        """
        if found != self.value:
            raise ValueError(
                f"inputs: {self.place} reads {found!r}: must be {self.value!r}, which decided what the "
                "program is; a program traced with such inputs would serve them"
            )


def parted(
    results: Sequence[Any], decisions: Sequence[Decision], written: int
) -> tuple[list[Any], list[Any]]:
    """Take a program's results apart: what the model returns, and new values of what it writes.

    Args:
        results: arrays or tensors: what is returned, what decisions read, what is written.
        decisions: those of the program.
        written: how many values it writes.

    Raises:
        ValueError: a value would decide otherwise than the example's did.
    """
    end = len(results) - written
    start = end - len(decisions)
    for decision, found in zip(decisions, results[start:end], strict=True):
        decision.check(found.tolist())
    return list(results[:start]), list(results[end:])
