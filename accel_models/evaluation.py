"""`evaluate` for one design, `evaluate_many` for a table of designs, `Designs` for many workloads on it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from accel_models.backends import BACKENDS
from accel_models.backends.analytic import ManyDesigns, Mappings, evaluate_one
from accel_models.checks import Choice, refuse
from accel_models.cost import CostReport
from accel_models.design import Design
from accel_models.sound import sound
from accel_models.table import from_designs, from_frame
from accel_models.workload import Workload

if TYPE_CHECKING:
    import pandas as pd


def evaluate(
    design: Design,
    workload: Workload,
    backend: str = "analytic",
    *,
    mappings: Mappings | None = None,
    **options: Any,
) -> CostReport:
    """Return what a workload costs on a design.

    Args:
        design: The accelerator.
        workload: What to run.
        backend: "analytic", our own model, or "timeloop", which must be installed.
        mappings: The `Mapping` of each of the workload's GEMMs, instead of those that the model chooses; with
            "analytic" alone. Whether tiles fit is their maker's business.
        **options: Of the backend; those of "timeloop" are the parameters of
            `accel_models.backends.timeloop.evaluate`, for example mapper=True.

    Raises:
        ValueError: If the design cannot run the workload (a scratchpad too small for one tile or table,
            addressing that a table needs and the design lacks), or the backend or an option is unknown. The
            line names the field and what would do.
        TimeloopError: With "timeloop", if it is missing or fails.
    """
    Choice(tuple(BACKENDS)).check("backend", backend)
    for name, value in options.items():
        if name not in BACKENDS[backend].options:
            known = ", ".join(BACKENDS[backend].options) or "none"
            raise refuse(name, value, f"left out; options of backend = {backend} are {known}")
    _check_workload(workload)
    if not isinstance(design, Design):
        raise refuse("design", repr(design), "a Design")
    if mappings is None:
        return BACKENDS[backend].evaluate(design, workload, **options)
    if backend != "analytic":
        raise refuse("mappings", "(a dict)", f"left out with backend = {backend}")
    return evaluate_one(design, workload, mappings)


class Designs:
    """Designs that run one workload after another: `evaluate_many` for those who ask for many workloads.

    What follows from the designs alone is found once, and what GEMMs count only where they differ from those
    of the workload before.

    Args:
        designs: Designs, or a DataFrame whose columns are Design fields; missing columns take the defaults.

    Raises:
        ValueError: If a column is no field of a Design, or there is no design.
    """

    def __init__(self, designs: "pd.DataFrame | Sequence[Design]") -> None:
        import pandas as pd

        if len(designs) == 0:
            raise refuse("designs", "none", "at least one design")
        if isinstance(designs, pd.DataFrame):
            table, self._index = from_frame(designs), designs.index
        else:
            for design in designs:
                if not isinstance(design, Design):
                    raise refuse("designs", repr(design), "Design values")
            table, self._index = from_designs(designs), pd.RangeIndex(len(designs))
        self._many = ManyDesigns(sound(table))

    def evaluate(self, workload: Workload) -> "pd.DataFrame":
        """Return what `evaluate_many` does."""
        import pandas as pd

        _check_workload(workload)
        return pd.DataFrame(self._many.totals(workload), index=self._index)


def evaluate_many(designs: "pd.DataFrame | Sequence[Design]", workload: Workload) -> "pd.DataFrame":
    """Return the totals of `evaluate` for many designs, a row a design, under the designs' own index.

    Columns: the totals of CostReport, `energy_<component>_j`, `area_<component>_mm2` and `reason`: empty, or
    why the design cannot run the workload, has a value that is not allowed, or no figures in its process;
    then every figure is NaN.

    Args:
        designs: Designs, or a DataFrame whose columns are Design fields; missing columns take the defaults.
        workload: What to run.

    Raises:
        ValueError: If a column is no field of a Design, or there is no design.
    """
    _check_workload(workload)
    return Designs(designs).evaluate(workload)


def _check_workload(workload: Workload) -> None:
    if not isinstance(workload, Workload):
        raise refuse("workload", repr(workload), "a Workload")
