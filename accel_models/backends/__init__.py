"""The models that can answer `evaluate`, by name."""

from collections.abc import Callable

from accel_models.backends.analytic import evaluate_one
from accel_models.cost import CostReport
from accel_models.design import Design
from accel_models.workload import Workload

BACKENDS: dict[str, Callable[[Design, Workload], CostReport]] = {"analytic": evaluate_one}
