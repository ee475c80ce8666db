"""What is wrong with a study file, a line a problem: file, field, value, and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from dse.rules import did_you_mean


def explain(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """Put one of pydantic's findings into words: `[hardware] rows = 0: must be an integer from 1 to 1024`.

    Args:
        problem: An entry of `ValidationError.errors()`.
        model: What was validated; its fields are named where one is unknown.
    """
    *sections, field = (str(part) for part in problem["loc"])
    value = problem.get("ctx", {}).get("value", problem["input"])
    return f"{place(sections, field)} = {as_toml(value)}: {_reason(problem, model, sections, field)}"


def place(sections: list[str], field: str) -> str:
    """Return where a field is, as in the file: `[hardware] rows`."""
    return f"[{'.'.join(sections)}] {field}" if sections else field


def as_toml(value: Any) -> str:
    """Return a value much as the file has it, cut where it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _reason(problem: ErrorDetails, model: type[BaseModel], sections: list[str], field: str) -> str:
    section = _section(model, sections)
    known = list(section.model_fields) if section else []
    if problem["type"] == "extra_forbidden" or (problem["type"] == "model_type" and field not in known):
        tables = ", or a table named after a function" if sections == ["approximation"] else ""
        return f"unknown field{did_you_mean(field, known)}: must be one of {', '.join(known)}{tables}"
    if problem["type"] == "model_type":
        return f"must be a table, [{'.'.join([*sections, field])}]"
    return problem["msg"]


def _section(model: type[BaseModel], names: list[str]) -> type[BaseModel] | None:
    """Return the model of a section, if it has one of its own."""
    for name in names:
        field = model.model_fields.get(name)
        if (
            field is None
            or not isinstance(field.annotation, type)
            or not issubclass(field.annotation, BaseModel)
        ):
            return None
        model = field.annotation
    return model


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
