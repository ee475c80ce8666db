"""Rules for field values, written once as data.

A rule both refuses a bad value with one clear line and describes what is allowed, so that a search
space, a form or a document can be built from it: read them with `accel_models.Design.rules()`.
"""

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

_SHOWN = 100
"""Characters of a bad value that an error shows."""


def refuse(field: str, value: object, allowed: str) -> ValueError:
    """Return the error for a bad value, in the one form used everywhere: `field = value: must be ...`."""
    return ValueError(f"{_shown(field)} = {_shown(value)}: must be {allowed}")


def did_you_mean(value: object, names: Iterable[str]) -> str:
    """Return " (did you mean NAME?)" where one of the names is much like the value, else nothing."""
    near = difflib.get_close_matches(str(value), list(names), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _shown(value: object) -> str:
    """Return a value on one line, its middle left out where it is long."""
    if isinstance(value, int) and abs(value) >= 10**_SHOWN:
        return f"an integer of about {int(value.bit_length() * math.log10(2)) + 1} digits"
    try:
        written = str(value)
    except Exception:  # of a list with such an integer, or an object of the caller's that has no text
        written = f"({type(value).__name__})"
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in written)
    half = _SHOWN // 2
    return text if len(text) <= _SHOWN else f"{text[:half]} ... {text[-half:]}"


@dataclass(frozen=True)
class IntRange:
    """An integer from `low` to `high`, or nothing where `optional`."""

    low: int
    high: int
    unit: str = ""
    optional: bool = False

    def check(self, field: str, value: Any) -> int | None:
        """Return the value as an int, or raise ValueError."""
        if value is None and self.optional:
            return None
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or not self.low <= int(value) <= self.high:
            raise refuse(field, value, self.text())
        return int(value)

    def text(self) -> str:
        """Return what is allowed, in words."""
        unit = f" {self.unit}" if self.unit else ""
        return f"an integer from {self.low} to {self.high}{unit}" + (" or none" if self.optional else "")


@dataclass(frozen=True)
class FloatRange:
    """A finite number from `low` to `high`, or nothing where `optional`."""

    low: float
    high: float
    unit: str = ""
    optional: bool = False

    def check(self, field: str, value: Any) -> Any:
        """Return the value as a float, or raise ValueError."""
        if value is None and self.optional:
            return None
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high:  # which NaN is not, and no infinity
            raise refuse(field, value, self.text())
        return float(value)

    def text(self) -> str:
        """Return what is allowed, in words."""
        unit = f" {self.unit}" if self.unit else ""
        return f"a number from {self.low:g} to {self.high:g}{unit}" + (" or none" if self.optional else "")


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    options: Sequence[str | int]

    def check(self, field: str, value: Any) -> str | int:
        """Return the option, or raise ValueError."""
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        plain = int(value) if whole else value
        for option in self.options:
            if type(option) is type(plain) and option == plain:
                return option
        raise refuse(field, value, self.text())

    def text(self) -> str:
        """Return what is allowed, in words."""
        return "one of " + ", ".join(map(str, self.options))


Rule = IntRange | FloatRange | Choice
