"""From a study file, or a dictionary with its fields, to a `StudyFile` that was checked."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from accel_models.documents import parse_toml
from dse.errors import UserError
from dse.files import read_text
from dse.study_file.approximation import FIXED
from dse.study_file.file import SECTIONS, StudyFile
from dse.study_file.fitting import DEFAULTS, problems
from dse.study_file.hardware import OPEN, HardwareSection
from dse.study_file.problems import explain


@dataclass(frozen=True)
class Given:
    """A study file as it was given.

    Attributes:
        file: What it says.
        text: The same as it was written; JSON where it was no file.
        folder: Where modules and paths that it names are found.
        name: What it is called in messages: its path, or "study".
    """

    file: StudyFile
    text: str
    folder: Path
    name: str


def read(source: str | Path | Mapping[str, Any] | StudyFile) -> Given:
    """Read a study file: a path, its fields as a dictionary, or a `StudyFile`.

    Modules beside the file can be imported from then on.

    Raises:
        UserError: A line for each problem, if the file cannot be read or a field is not as it must be.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        given = Given(load(path), read_text(path), path.parent, str(path))
    else:
        file = source if isinstance(source, StudyFile) else from_fields(source)
        given = Given(file, json.dumps(file.content(), indent=2), Path(), "study")
    if (beside := str(given.folder.resolve())) not in sys.path:
        sys.path.append(beside)
    return given


def load(path: str | Path) -> StudyFile:
    """Read and check a study file.

    Raises:
        UserError: A line for each problem, if the file cannot be read or a field is not as it must be.
    """
    path = Path(path)
    try:
        return parse(read_text(path), default_name=path.stem)
    except UserError as error:
        lines = str(error).splitlines()
        raise UserError("\n".join(f"{path}: {line.removeprefix(f'{path}: ')}" for line in lines)) from None


def parse(text: str, default_name: str = "study") -> StudyFile:
    """Check the text of a study file.

    Raises:
        UserError: A line for each problem.
    """
    try:
        fields = parse_toml(text)
    except ValueError as error:
        raise UserError(f"not TOML: {' '.join(str(error).split())}") from None
    return from_fields({"name": default_name} | fields)


def from_fields(fields: Mapping[str, Any]) -> StudyFile:
    """Check the fields of a study file, a dictionary for each section.

    Raises:
        UserError: A line for each problem.
    """
    if "kind" in fields:
        raise UserError(
            f"kind = {json.dumps(fields['kind'], default=str)}: must be left out: there is one kind of "
            "study, and without an objective of quality hardware alone is searched (docs/hardware.md)"
        )
    file = _checked(fields)
    if file.networks and "objectives" not in file.search.given():
        file = _checked(_with(fields, "search", objectives=DEFAULTS))
    if found := problems(file):
        raise UserError("\n".join(found))
    return _completed(file)


def _checked(fields: Mapping[str, Any]) -> StudyFile:
    try:
        return StudyFile.model_validate(dict(fields))
    except ValidationError as error:
        raise UserError("\n".join(explain(problem, SECTIONS) for problem in error.errors())) from None


def _with(fields: Mapping[str, Any], section: str, **own: Any) -> dict[str, Any]:
    return {**fields, section: {**own, **fields.get(section, {})}}


def _completed(file: StudyFile) -> StudyFile:
    """Fill in what depends on other sections: tables that are not searched, the fields of the reference."""
    changed: dict[str, Any] = {}
    if not file.scores:
        own = {name: value for name, value in FIXED.items() if name not in file.approximation.given()}
        changed["approximation"] = file.approximation.model_copy(update=own)
    if file.reference is not None:
        given, known = file.hardware.given(), file.reference.known  # type: ignore[attr-defined]
        fields = {n: getattr(known, n) for n in HardwareSection.model_fields if n not in given}
        filled = {n: None if value is None and n in OPEN else (value,) for n, value in fields.items()}
        changed["hardware"] = file.hardware.model_copy(update=filled)  # type: ignore[attr-defined]
    return file.model_copy(update=changed) if changed else file
