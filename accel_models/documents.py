"""Reading TOML and JSON that somebody wrote: whole and as plain values, or refused in one line.

The parsers of the standard library meet three things in a file that they were not made for: nesting deeper
than the interpreter's stack, integers of more digits than it converts, and files of any length.
"""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accel_models.checks import refuse

MOST_BYTES = 64 << 20
"""The largest file that is read; a workload of 100,000 operations has 20 MB."""

MOST_TOML = 1 << 20
"""Characters of the longest TOML text that is read, which takes its parser a second."""


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of TOML text; ValueError says in one line what is wrong."""
    if len(text) > MOST_TOML:
        raise refuse("the file", f"{len(text)} characters", f"at most {MOST_TOML} of TOML")
    return dict(_parse(tomllib.loads, text))


def parse_json(text: str) -> Any:
    """Return the content of JSON text; ValueError says in one line what is wrong."""
    return _parse(json.loads, text)


def read_document(path: str | Path) -> Any:
    """Return the content of a JSON file, if its name ends in .json, or of a TOML file.

    Raises:
        ValueError: A line that says what is wrong with the content; it does not name the file.
        OSError: If it cannot be read.
    """
    text = read_text(path)
    return parse_json(text) if Path(path).suffix == ".json" else parse_toml(text)


def read_text(path: str | Path) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        ValueError: If it is too long, or no such text.
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise refuse("the file", f"more than {MOST_BYTES >> 20} MiB", "shorter")
    return content.decode("utf-8")


def _parse(parser: Callable[[str], Any], text: str) -> Any:
    try:
        return parser(text)
    except RecursionError:
        raise ValueError("lists and tables are nested too deeply") from None
