"""A study file to start from: every section and field with its meaning and its default."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from pydantic.fields import FieldInfo

from dse.study_file import SECTIONS, Section

_HEAD = """\
# A study of {task}: run it with `neuralmatrix run` and this file's name.
# A list is searched, a single value is fixed. Fields that are commented out show their defaults.
"""

_FREE = "approximation.*"
_EXAMPLE = "approximation.gelu"
"""The section that is named after a function, and the name that the file shows it with."""


def starter(task: str) -> str:
    """Return the text of a study file for a task, with every other field commented out.

    Args:
        task: A task's name; it is not loaded.
    """
    parts = [_HEAD.format(task=task)]
    for name, section in SECTIONS.items():
        parts += _section(_EXAMPLE if name == _FREE else name, section, commented=name == _FREE, task=task)
    return "\n".join(parts) + "\n"


def _section(name: str, section: type[Section], *, commented: bool, task: str) -> list[str]:
    """Return a section's lines; one that is itself an example is commented out as a whole."""
    fields = {
        key: field for key, field in section.model_fields.items() if not _is_section(field) and key != "name"
    }
    lines = [f"\n{'# ' if commented else ''}[{name}]"] if name else []
    if name == "task":
        lines.append(f"name = {json.dumps(task)}")
    for key, field in fields.items():
        lines += _field(key, field)
    return lines


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.default, Section)


def _field(key: str, field: FieldInfo) -> list[str]:
    meaning = textwrap.wrap(field.description or "", 96, initial_indent="# ", subsequent_indent="# ")
    return ["", *meaning, f"# {key} = {_value(field.default)}"]


def _value(default: Any) -> str:
    """Write a default as TOML; what has none is left to be filled in."""
    single = isinstance(default, tuple) and len(default) == 1
    plain = default[0] if single else list(default) if isinstance(default, tuple) else default
    return "..." if plain is None else json.dumps(plain)
