"""Design-space exploration: a study file in; trials, a Pareto front and a report out.

The names are loaded on first use, so that the command line's help needs neither torch nor Optuna.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dse.errors import UserError
    from dse.job import run
    from dse.search.nested import NestedSampler
    from dse.search.problem import Problem
    from dse.study import Study
    from dse.study_file import StudyFile

_HOME_OF = {
    "NestedSampler": "dse.search.nested",
    "Problem": "dse.search.problem",
    "Study": "dse.study",
    "StudyFile": "dse.study_file",
    "UserError": "dse.errors",
    "run": "dse.job",
}

__all__ = ["NestedSampler", "Problem", "Study", "StudyFile", "UserError", "run"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
