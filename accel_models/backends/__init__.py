"""The models that can answer `evaluate`, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accel_models.backends.analytic import evaluate_one
from accel_models.cost import CostReport
from accel_models.design import Design
from accel_models.workload import Workload


@dataclass(frozen=True)
class Backend:
    """A model.

    Attributes:
        evaluate: What answers: a design and a workload in, a CostReport out.
        options: Names of the further parameters that it takes.
    """

    evaluate: Callable[..., CostReport]
    options: tuple[str, ...] = ()


def _timeloop(design: Design, workload: Workload, **options: Any) -> CostReport:
    from accel_models.backends.timeloop import evaluate  # imported here: it needs a YAML library

    return evaluate(design, workload, **options)


BACKENDS: dict[str, Backend] = {
    "analytic": Backend(evaluate_one),
    "timeloop": Backend(_timeloop, ("mapper", "budget", "tables", "time_limit", "python")),
}
