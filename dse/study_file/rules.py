"""How a study file's fields are checked: a rule for each value, a list of them for a searched axis.

A rule is one of `accel_models.checks` (an integer range, a number range, a choice) or `Text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from accel_models.checks import Choice, FloatRange, IntRange, did_you_mean, refuse
from dse.metrics import QUALITY, Metric
from dse.samplers import names


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


@dataclass(frozen=True)
class Table:
    """A table with any fields; who takes them checks them."""

    def check(self, field: str, value: Any) -> dict[str, Any]:
        """Return the table, or raise ValueError."""
        if not isinstance(value, dict):
            raise refuse(field, value, self.text())
        return value

    def text(self) -> str:
        """Return what is allowed, in words."""
        return "a table"


@dataclass(frozen=True)
class SamplerName:
    """The name of a sampler."""

    def check(self, field: str, value: Any) -> str:
        """Return the name, or raise ValueError."""
        return str(Choice(names()).check(field, value))

    def text(self) -> str:
        """Return what is allowed, in words."""
        return Choice(names()).text()

    @property
    def options(self) -> tuple[str, ...]:
        """Every name."""
        return names()


def limit(figure: Metric) -> Rule:
    """Return the rule for a figure's limit: quality lies from 0 to 1, all else above 0."""
    return (
        FloatRange(0.0, 1.0)
        if figure in QUALITY and figure.sign > 0
        else FloatRange(1e-30, 1e30, figure.unit)
    )


NOTHING = "none"
"""How a study file writes that an optional field has no value."""


def fixed(rule: Rule) -> BeforeValidator:
    """Validate a field of one value."""
    return BeforeValidator(lambda value: checked(rule, value))


def axis(rule: Rule, *, empty: bool = False) -> BeforeValidator:
    """Validate a field whose list of values is searched; a single value is fixed. Gives a tuple.

    Args:
        rule: Of each value.
        empty: Whether there may be none.
    """

    def validate(value: Any) -> tuple[Any, ...]:
        values = tuple(value) if isinstance(value, list | tuple) else (value,)
        if isinstance(rule, IntRange) and rule.optional:  # TOML has no word for nothing
            values = tuple(None if item == NOTHING else item for item in values)
        found = tuple(checked(rule, item) for item in values)
        if not found and not empty:
            raise refusal([], f"must have at least one value, {rule.text()}")
        if len(set(found)) < len(found):
            raise refusal(list(values), "must not name a value twice")
        return found

    return BeforeValidator(validate)


def refusal(value: Any, reason: str) -> PydanticCustomError:
    """Make the error by which a validator says which value it refuses, and why."""
    return PydanticCustomError("refused", "{reason}", {"value": value, "reason": reason})


def checked(rule: Rule, value: Any) -> Any:
    """Return a value that keeps to a rule, or raise the error by which a validator refuses it."""
    try:
        return rule.check("", value)
    except ValueError as error:
        reason = str(error).partition(f" = {value}: ")[2]
        hint = did_you_mean(value, map(str, getattr(rule, "options", ())))
        raise refusal(value, reason + hint) from None
