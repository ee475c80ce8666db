"""Timeloop and Accelergy, through timeloop-python, as a second opinion on GEMMs.

    report = accel_models.evaluate(design, workload, backend="timeloop")
    report.levels, report.notes

Nothing here needs Timeloop until `evaluate` is called; the input files can be written without it.
"""

from accel_models.backends.timeloop.conventions import on_terms, on_timeloops_terms
from accel_models.backends.timeloop.errors import TimeloopError
from accel_models.backends.timeloop.evaluation import evaluate
from accel_models.backends.timeloop.front_end import FrontEnd, find
from accel_models.backends.timeloop.mapping import choose, padding
from accel_models.backends.timeloop.report import products_of, runs
from accel_models.backends.timeloop.specs import Budget, for_mapper, for_model
from accel_models.backends.timeloop.tables import (
    Tables,
    default_tables,
    from_model,
    uncovered,
    why_not_accelergy,
)

__all__ = [
    "Budget",
    "FrontEnd",
    "Tables",
    "TimeloopError",
    "choose",
    "default_tables",
    "evaluate",
    "find",
    "for_mapper",
    "for_model",
    "from_model",
    "on_terms",
    "on_timeloops_terms",
    "padding",
    "products_of",
    "runs",
    "uncovered",
    "why_not_accelergy",
]
