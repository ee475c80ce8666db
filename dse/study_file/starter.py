"""A study file to start from: every section and field with its meaning and its default."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from pydantic.fields import FieldInfo

from dse.study_file.file import SECTIONS
from dse.study_file.section import Section

_HEAD = """\
# A study of {task}: run it with `neuralmatrix run` and this file's name.
# A list is searched, a single value is fixed. Fields that are commented out show their defaults.
"""

EXAMPLES = {
    "approximation.*": "[approximation.gelu]",
    "networks.*": "[[networks]]",
    "reference": "[reference]",
}
"""Sections that not every study has, by the heading that they are shown with."""

ALONE = ("enumerate",)
"""Fields that a study of a task and its quality has no use for."""


def starter(task: str) -> str:
    """Return the text of a study file for a task, with every other field commented out.

    Args:
        task: A task's name; it is not loaded.
    """
    parts = [_HEAD.format(task=task)]
    for name, section in SECTIONS.items():
        parts += _example(EXAMPLES[name], section) if name in EXAMPLES else _section(name, section, task)
    return "\n".join(parts) + "\n"


def _section(name: str, section: type[Section], task: str) -> list[str]:
    """Return a section's lines."""
    lines = [f"\n[{name}]"] if name else []
    if name == "task":
        lines.append(f"name = {json.dumps(task)}")
    for key, field in section.model_fields.items():
        if key not in ("name", *ALONE) and (
            name or key not in {known.partition(".")[0] for known in SECTIONS}
        ):
            lines += ["", *_meaning(field), f"# {key} = {_value(field.default)}"]
    return lines


def _example(heading: str, section: type[Section]) -> list[str]:
    """Return the lines of a section that is commented out as a whole."""
    lines = [f"\n# {heading}"]
    for key, field in section.model_fields.items():
        lines += [*_meaning(field), f"#   {key} = {_value(field.default)}"]
    return lines


def _meaning(field: FieldInfo) -> list[str]:
    return textwrap.wrap(field.description or "", 96, initial_indent="# ", subsequent_indent="# ")


def _value(default: Any) -> str:
    """Write a default as TOML; what has none is left to be filled in."""
    single = isinstance(default, tuple) and len(default) == 1
    plain = default[0] if single else list(default) if isinstance(default, tuple) else default
    return "..." if plain is None else json.dumps(plain)
