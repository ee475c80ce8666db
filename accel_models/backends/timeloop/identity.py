"""What an answer of Timeloop depends on beside its input: executables, libraries, Accelergy's plug-ins.

An executable that is a script says little about itself: what it runs are the packages of its Python. A
compiled one is a front for its shared libraries. Accelergy's figures are those of the plug-ins that its
configuration names.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import yaml

RUNNER = Path(__file__).with_name("runner.py")
PLUG_INS = "~/.config/accelergy/accelergy_config.yaml"
"""Accelergy's configuration: the folders of its estimators and tables."""

_LIMIT_S = 60
_MOST_FILES = 10_000
_LIBRARY = re.compile(r"=> (/\S+)|^\s*(/\S+) \(", re.MULTILINE)


def identity(executable: str) -> list[str]:
    """Return lines that differ where an executable might answer differently.

    A file is told by its path, size and time of change, a Python package by its version.
    """
    path = Path(executable).resolve()
    parts = [_file(path), *_libraries(path)]
    if path.name.startswith("accelergy"):
        parts += _plug_ins()
    return parts


def _file(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return f"{path} missing"
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _libraries(path: Path) -> list[str]:
    """Return what an executable loads: the packages of a script's Python, or shared libraries."""
    with path.open("rb") as file:
        first = file.readline(512)
    if first.startswith(b"#!"):
        interpreter = first[2:].decode(errors="replace").split()
        return _packages(interpreter) if any("python" in word for word in interpreter) else []
    return sorted(_file(Path(a or b)) for a, b in _LIBRARY.findall(_output(["ldd", str(path)])))


def _packages(interpreter: list[str]) -> list[str]:
    """Return the versions of the packages beside Timeloop and Accelergy that a Python has."""
    told = _output([*interpreter, str(RUNNER)]).splitlines()
    try:
        return sorted(json.loads(told[-1])["packages"])
    except (IndexError, ValueError, KeyError, TypeError):
        return []


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(  # noqa: S603 - ldd, or the interpreter of an executable that is called anyway
            command, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _plug_ins() -> list[str]:
    """Return Accelergy's configuration and all files in the folders that it names."""
    configuration = Path(PLUG_INS).expanduser()
    try:
        content = yaml.safe_load(configuration.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    folders = sorted({Path(text).expanduser() for text in _texts(content) if "/" in text})
    return [_file(configuration), *(line for folder in folders for line in _files(folder))]


def _texts(content: object) -> list[str]:
    if isinstance(content, dict):
        return [text for value in content.values() for text in _texts(value)]
    if isinstance(content, list):
        return [text for value in content for text in _texts(value)]
    return [content] if isinstance(content, str) else []


def _files(folder: Path) -> list[str]:
    """Return every file below a folder; of a very large one the first in order of their names."""
    found: list[str] = []
    for base, folders, names in os.walk(folder):
        folders.sort()
        found += [_file(Path(base) / name) for name in sorted(names) if not name.endswith(".pyc")]
        if len(found) > _MOST_FILES:
            return found[:_MOST_FILES]
    return found
