"""What is wrong with a study file, a line a problem: file, field, value, and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from accel_models.checks import did_you_mean

LONGEST = 60
"""Characters of a name or value that a message repeats."""


def explain(problem: ErrorDetails, sections: Mapping[str, type[BaseModel]]) -> str:
    """Put one of pydantic's findings into words: `[hardware] rows = 0: must be an integer from 1 to 1024`.

    Args:
        problem: An entry of `ValidationError.errors()`.
        sections: The model of each section by its name, "" for the top level and `NAME.*` for the tables that
            a section names freely; their fields are listed where one is unknown.
    """
    named = [problem["ctx"]["field"]] if "field" in problem.get("ctx", {}) else []  # a section's own finding
    *path, field = (str(part) for part in (*problem["loc"], *named))
    value = problem.get("ctx", {}).get("value", problem["input"])
    what = f"[{_cut(field)}]" if isinstance(value, dict) else f"{place(path, field)} = {as_toml(value)}"
    section = sections.get(".".join(path)) or sections[f"{path[0]}.*"]
    return f"{what}: {_reason(problem, section, path, field)}"


def place(sections: list[str], field: str) -> str:
    """Return where a field is, as in the file: `[hardware] rows`."""
    return f"[{'.'.join(map(_cut, sections))}] {_cut(field)}" if sections else _cut(field)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def as_toml(value: Any) -> str:
    """Return a value much as the file has it, cut where it is long."""
    return _cut(json.dumps(value, default=str, ensure_ascii=False))


def _reason(problem: ErrorDetails, section: type[BaseModel], path: list[str], field: str) -> str:
    known = list(section.model_fields)
    if problem["type"] == "extra_forbidden" or (problem["type"] == "model_type" and field not in known):
        free = ", or a table named after a function" if section.model_config.get("extra") == "allow" else ""
        return f"unknown field{did_you_mean(field, known)}: must be one of {', '.join(known)}{free}"
    if problem["type"] == "model_type":
        return f"must be a table, [{'.'.join(map(_cut, [*path, field]))}]"
    return problem["msg"]


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], sections: tuple[str, ...] = ()
) -> list[str]:
    """List what differs between two contents of a study file, a line a field."""
    found: list[str] = []
    for field in dict.fromkeys([*before, *now]):
        old, new = before.get(field), now.get(field)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, (*sections, field))
        elif old != new:
            found.append(f"{place(list(sections), field)} = {as_toml(new)}: was {as_toml(old)}")
    return found
