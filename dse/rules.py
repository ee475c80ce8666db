"""How a study file's fields are checked: a rule for each value, a list of them for a searched axis.

A rule is one of `accel_models.checks` (an integer range, a number range, a choice) or `Text`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from accel_models.checks import Choice, refuse


class Rule(Protocol):
    """What one value may be."""

    def check(self, field: str, value: Any) -> Any:
        """Return the value, or raise ValueError."""

    def text(self) -> str:
        """Say what is allowed, to follow "must be"."""


@dataclass(frozen=True)
class Text:
    """A text that is not empty, without the characters it must not have."""

    without: str = ""

    def check(self, field: str, value: Any) -> str:
        """Return the text, or raise ValueError."""
        if not isinstance(value, str) or not value.strip(" .") or set(value) & set(self.without):
            raise refuse(field, value, self.text())
        return value

    def text(self) -> str:
        """Return what is allowed, in words."""
        return "a text that is not empty" + (f", without {' '.join(self.without)}" if self.without else "")


def fixed(rule: Rule) -> BeforeValidator:
    """Validate a field of one value."""
    return BeforeValidator(lambda value: _checked(rule, value))


def axis(rule: Rule) -> BeforeValidator:
    """Validate a field whose list of values is searched; a single value is fixed. Gives a tuple."""

    def validate(value: Any) -> tuple[Any, ...]:
        values = tuple(value) if isinstance(value, list | tuple) else (value,)
        checked = tuple(_checked(rule, item) for item in values)
        if not checked:
            raise refusal([], f"must have at least one value, {rule.text()}")
        if len(set(checked)) < len(checked):
            raise refusal(list(values), "must not name a value twice")
        return checked

    return BeforeValidator(validate)


def refusal(value: Any, reason: str) -> PydanticCustomError:
    """Make the error by which a validator says which value it refuses, and why."""
    return PydanticCustomError("refused", "{reason}", {"value": value, "reason": reason})


def did_you_mean(value: object, names: Iterable[str]) -> str:
    """Return " (did you mean NAME?)" where one of the names is much like the value, else nothing."""
    near = difflib.get_close_matches(str(value), list(names), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _checked(rule: Rule, value: Any) -> Any:
    try:
        return rule.check("", value)
    except ValueError as error:
        reason = str(error).partition(f" = {value}: ")[2]
        hint = did_you_mean(value, map(str, rule.options)) if isinstance(rule, Choice) else ""
        raise refusal(value, reason + hint) from None
