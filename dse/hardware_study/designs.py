"""The known design and the best ones of its area, for every network of a study."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from accel_models import Comparison, CostReport, Design, Workload, compare, evaluate, evaluate_many, needs
from dse.errors import UserError
from dse.hardware_study.config import HardwareStudy, NetworkSection
from dse.measuring import networks
from dse.metrics import METRICS

KNOWN, BEST, COMMON = "known", "best", "common"
"""The preset; the best design of its area for one network; and the one that is best for all together. The
preset in another process is called by that: "28nm"."""


@dataclass(frozen=True)
class Result:
    """One network on one design.

    Attributes:
        network: The network.
        role: KNOWN, BEST, COMMON or a process.
        design: The design.
        report: What it costs.
        baselines: The array alone, with dedicated nonlinear units, and with a host.
    """

    network: NetworkSection
    role: str
    design: Design
    report: CostReport
    baselines: list[Comparison]


def results(study: HardwareStudy) -> list[Result]:
    """Evaluate every network on the known design, on the best of its area, and on the best one for all.

    Raises:
        UserError: If the known design cannot run a network, or no design of its area can.
    """
    workloads = {network: _workload(study, network) for network in study.networks}
    known = {network: _known(study, network, workload) for network, workload in workloads.items()}
    area = max(report.area_mm2 for report in known.values())
    designs = _enumerate(study)
    costs = {network: _within(designs, workload, area) for network, workload in workloads.items()}
    common = _common(study, costs)
    found = []
    for network, workload in workloads.items():
        choices = {
            KNOWN: known[network].design,
            BEST: _design(designs, _best(study, costs[network], network), workload),
            COMMON: _design(designs, common, *workloads.values()),
            **{name: replace(known[network].design, technology=name) for name in study.search.processes},
        }
        for role, design in choices.items():
            report = evaluate(design, workload)
            found.append(Result(network, role, design, report, compare(design, workload)))
    return found


def _workload(study: HardwareStudy, network: NetworkSection) -> Workload:
    from approx import Approximation

    tables = Approximation(**study.tables.model_dump())
    return networks.workload(network.name, network.side, tables, study.search.batch)


def _known(study: HardwareStudy, network: NetworkSection, workload: Workload) -> CostReport:
    """Evaluate the preset, with the addressing that the tables need: it follows from them in every study."""
    try:
        return evaluate(replace(study.preset, **needs(workload)), workload)
    except ValueError as error:
        raise UserError(
            f"[search] preset = {study.search.preset}: cannot run {network.name}: {error}"
        ) from None


def _enumerate(study: HardwareStudy) -> pd.DataFrame:
    axes = study.axes
    designs = pd.DataFrame(itertools.product(*axes.values()), columns=list(axes), dtype=object)
    return designs.dropna(axis="columns", how="all").infer_objects()


def _within(designs: pd.DataFrame, workload: Workload, area: float) -> pd.DataFrame:
    """Return the costs of all designs, NaN where one cannot run the workload or is larger."""
    costs = evaluate_many(designs.assign(**needs(workload)), workload)
    figures = [name for name in METRICS if name in costs]
    return costs[figures].where(costs.area_mm2 <= area * (1 + 1e-9))


def _best(study: HardwareStudy, costs: pd.DataFrame, network: NetworkSection) -> int:
    figure = METRICS[study.search.figure]
    values = costs[figure.name] * figure.sign
    if values.isna().all():
        raise UserError(f"[hardware]: no design of the preset's area can run {network.name}")
    return int(np.nanargmax(values))


def _common(study: HardwareStudy, costs: dict[NetworkSection, pd.DataFrame]) -> int:
    """Return the design that is best in the geometric mean over all networks."""
    figure = METRICS[study.search.figure]
    logs = np.log(np.array([cost[figure.name].to_numpy(float) for cost in costs.values()]))
    means = pd.Series(logs.mean(axis=0) * figure.sign)  # NaN where one network does not run
    if means.isna().all():
        raise UserError("[hardware]: no design of the preset's area can run all networks")
    return int(np.nanargmax(means))


def _design(designs: pd.DataFrame, row: int, *workloads: Workload) -> Design:
    """Return a row as a Design with the addressing that all workloads need."""
    rules = Design.rules()
    values: dict[str, Any] = {name: designs.at[row, name] for name in designs.columns}
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in values.items()
        if name in rules and value == value
    }
    together = Workload([op for workload in workloads for op in workload.operations])
    return replace(Design(**plain), **needs(together))
