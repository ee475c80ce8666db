"""Finds Timeloop: its Python front end and its executables, or says exactly what is missing."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from accel_models.backends.timeloop.errors import TimeloopError
from accel_models.backends.timeloop.identity import RUNNER, identity

VARIABLE = "TIMELOOP_PYTHON"
"""The Python that has timeloop-python, where it is another than the one that runs this toolkit."""

HELP = "docs/timeloop.md says how to get Timeloop"
_IMPORT_LIMIT_S = 120


@dataclass(frozen=True)
class FrontEnd:
    """A Timeloop that can be called.

    Attributes:
        python: The Python that has the front end.
        module: pytimeloop.timeloopfe.v4, or timeloopfe.v4.
        version: The package's version.
        packages: "name version" of all installed packages that belong to Timeloop and Accelergy.
        executables: Paths by name.
    """

    python: str
    module: str
    version: str
    packages: tuple[str, ...]
    executables: dict[str, str]

    def describe(self) -> str:
        """Return which Timeloop this is; its executables know no version, so the day they were built."""
        built = {
            name: date.fromtimestamp(Path(path).stat().st_mtime) for name, path in self.executables.items()
        }
        programs = (f"{name} of {day.isoformat()}" for name, day in built.items())
        return ", ".join([f"{self.module} {self.version}", *programs])

    def identity(self, *names: str) -> list[str]:
        """Return what results of executables depend on: the front end, libraries and plug-ins too."""
        own = [self.module, self.version, *self.packages]
        return own + [part for name in names for part in identity(self.executables[name])]


def find(python: str | None = None, needs: tuple[str, ...] = ("timeloop-model", "accelergy")) -> FrontEnd:
    """Return the Timeloop of this machine.

    An import proves nothing about the executables, which are looked for on PATH.

    Args:
        python: The Python with the front end; the environment's TIMELOOP_PYTHON, or this one, if None.
        needs: Executables that must be there.

    Raises:
        TimeloopError: One line that names all that is missing.
    """
    chosen = python or os.environ.get(VARIABLE) or sys.executable
    found = _known(chosen)
    missing = []
    if not found.get("module"):
        missing.append(found.get("problem") or "no module pytimeloop.timeloopfe.v4 or timeloopfe.v4")
    paths = {name: shutil.which(name) for name in needs}
    absent = [name for name, path in paths.items() if path is None]
    if absent:
        missing.append(f"no {', '.join(absent)} on PATH")
    if missing:
        raise TimeloopError(f"timeloop: {'; '.join(missing)} (Python: {chosen}); {HELP}")
    executables = {name: path for name, path in paths.items() if path}
    return FrontEnd(chosen, found["module"], found["version"], tuple(found["packages"]), executables)


_ANSWERS: dict[tuple[str, str | None], dict[str, Any]] = {}


def _known(python: str) -> dict[str, Any]:
    """Ask a Python once which front end it has; as long as it has none, anew each time."""
    key = (python, os.environ.get("PYTHONPATH"))
    answer = _ANSWERS.get(key) or _ask(python)
    if answer.get("module"):
        _ANSWERS[key] = answer
    return answer


def _ask(python: str) -> dict[str, Any]:
    """Ask the Python that has the front end, if any has it, which one it is."""
    try:
        told = subprocess.run(  # noqa: S603 - our own file, with the Python that the user names
            [python, str(RUNNER)], capture_output=True, text=True, timeout=_IMPORT_LIMIT_S, check=False
        )
        answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    except OSError as error:
        return {"problem": f"{python} cannot be run: {error.strerror}"}
    except subprocess.TimeoutExpired:
        return {"problem": f"importing the front end took longer than {_IMPORT_LIMIT_S} s"}
    except (IndexError, ValueError):
        last = (told.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"problem": f"importing the front end failed with status {told.returncode}: {last}"}
    return answer
