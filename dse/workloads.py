"""What an accelerator must run for the networks of a study whose hardware alone is of interest.

A network is traced from its configuration, without data or trained weights: a name, a folder with a
config.json, a function of the user's, or the network of a task.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from accel_models import Workload
from dse.errors import UserError
from dse.study_file import NetworkSection, StudyFile

if TYPE_CHECKING:
    from approx import Approximation


@dataclass(frozen=True)
class Runs:
    """A network that a design runs.

    Attributes:
        name: What tells it from the others of a study.
        workload: What the accelerator must run.
        weight: Of the network in a metric of all.
        title: What it is, for people.
        network: Its name alone, as platforms call it.
        size: Side of the image, or sequence length; 0 where it has none.
    """

    name: str
    workload: Workload
    weight: float = 1.0
    title: str = ""
    network: str = ""
    size: int = 0


def workloads(file: StudyFile, folder: Path) -> list[Runs]:
    """Return the networks of a study, or the one of its task, with the tables that the study file fixes.

    Args:
        file: The study file, without an objective of quality.
        folder: Where paths that it names start.

    Raises:
        UserError: If there is no such network, before any is traced, or one cannot be converted.
    """
    tables = approximation(file)
    if not file.networks:
        return [_of_task(file, tables)]
    found = [(section, _naming(section, lambda own: _found(own, folder))) for section in file.networks]
    return [_naming(section, lambda _: make(tables)) for section, make in found]  # noqa: B023 - called at once


Make = Callable[["Approximation"], Runs]
"""Traces a network that was found."""

T = TypeVar("T")


def _naming(section: NetworkSection, do: Callable[[NetworkSection], T]) -> T:
    """Say which network an error is about."""
    try:
        return do(section)
    except ValueError as error:
        raise UserError(f'[[networks]] name = "{section.name}": {error}') from None


def _found(section: NetworkSection, folder: Path) -> Make:
    """Find a network: a function of the user's, a name, or a folder with its configuration."""
    from approx import zoo

    if ":" in section.name:
        return partial(_of_function, section, _function(section.name))
    beside = folder / section.name
    name = str(beside) if (beside / "config.json").exists() else section.name
    phases = zoo.find(name).phases
    if section.phase is not None and section.phase not in phases:
        raise ValueError(f"phase = {section.phase}: must be one of {', '.join(phases)}")
    return partial(_full_size, section, name)


def approximation(file: StudyFile) -> Approximation:
    """Return the tables of a study that searches none, as `approx` takes them."""
    from approx import Approximation

    section = file.approximation
    shared = {name: axis[0] for name, axis in section.axes("").items()}
    own = {f: {name: axis[0] for name, axis in section.axes(f).items()} for f in section.functions}
    return Approximation(**shared, overrides=own)


def _full_size(section: NetworkSection, name: str, tables: Approximation) -> Runs:
    from approx import zoo

    found = zoo.find(name)
    work = zoo.workload(name, section.size, section.batch, section.phase, tables)
    whole = section.phase in (None, found.first)
    title = found.describe(section.size, section.phase)
    called = section.name if whole else f"{section.name} {section.phase}"
    return Runs(section.key, work, section.weight, title, called, section.size or found.size)


def _of_function(section: NetworkSection, function: Callable[..., Any], tables: Approximation) -> Runs:
    """A function of the user's that returns a module and its example inputs, or a Workload."""
    import approx

    asked = {"size": section.size, "phase": section.phase}
    options = {name: value for name, value in asked.items() if value is not None}
    made = _called(function, options)
    if not isinstance(made, Workload):
        if not (isinstance(made, tuple) and len(made) == 2):
            raise ValueError(
                f"returned a {type(made).__name__}: must return (module, example inputs), or a Workload"
            )
        made = approx.trace(*made).workload(section.batch, tables)
    return Runs(section.key, made, section.weight, section.key, section.name, section.size or 0)


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}: must be a module on the Python path, or beside the study file") from None
    if not callable(found):
        raise ValueError(f"module {module} has no function {function}")
    return found  # type: ignore[no-any-return]  # a user's


def _called(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        inspect.signature(function).bind(**options)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return function(**options)


def _of_task(file: StudyFile, tables: Approximation) -> Runs:
    import approx
    from approx import tasks

    task = tasks.load(file.task.name, **file.task.options)
    example: Any = next(iter(task.calibration_batches())).inputs
    program = approx.trace(task.model(), example)
    work = program.workload(file.search.batch, tables)
    return Runs(file.task.name, work, 1.0, file.task.name, file.task.name, 0)
