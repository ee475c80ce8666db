"""NAME=VALUE options of the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from dse.errors import UserError


def parsed(settings: Iterable[str]) -> dict[str, Any]:
    """Return values by name; what reads as JSON has its type (a number, true), all else is text.

    Raises:
        UserError: If one is not of the form NAME=VALUE.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting}: must be NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
