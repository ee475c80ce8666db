"""`backend="timeloop"`: each distinct GEMM of a workload through Timeloop, the rest by the analytic model."""

import math
from dataclasses import dataclass, replace
from typing import Any

from accel_models.backends.analytic import evaluate_one
from accel_models.backends.timeloop import cache, specs
from accel_models.backends.timeloop.architecture import buffers
from accel_models.backends.timeloop.errors import TimeloopError
from accel_models.backends.timeloop.front_end import FrontEnd, find
from accel_models.backends.timeloop.mapping import choose, padding
from accel_models.backends.timeloop.report import Counted, counted, products_of, report
from accel_models.backends.timeloop.run import Outcome, run
from accel_models.backends.timeloop.specs import Budget
from accel_models.backends.timeloop.stats import parse
from accel_models.backends.timeloop.tables import (
    TABLES,
    Tables,
    default_tables,
    from_model,
    own_width,
    why_not_accelergy,
)
from accel_models.backends.timeloop.words import figures_of, words_of
from accel_models.checks import Choice, FloatRange, refuse
from accel_models.cost import CostReport
from accel_models.design import Design
from accel_models.mapped import in_steps
from accel_models.mapping import DIMENSIONS, Mapping
from accel_models.workload import Gemm, Workload


@dataclass(frozen=True)
class _Job:
    """How Timeloop is to be run."""

    mapper: bool
    budget: Budget
    tables: str
    time_limit: float
    front_end: FrontEnd
    identity: list[str]
    """What counts depend on beside the input files."""
    figures: list[str]
    """What Accelergy's energies and areas depend on; unused where they are this toolkit's."""

    @property
    def mode(self) -> str:
        return "mapper" if self.mapper else "model"


def evaluate(
    design: Design,
    workload: Workload,
    *,
    mapper: bool = False,
    budget: Budget | None = None,
    tables: str | None = None,
    time_limit: float = 600.0,
    python: str | None = None,
) -> CostReport:
    """Return what a workload costs on a design, its GEMMs counted by Timeloop.

    Each distinct GEMM is one run, whose result is kept on disk. Lookups, Hadamard products and moves, for
    which Timeloop has no form, and leakage keep the analytic model's cost; `notes` says so, and what else
    differs.

    Args:
        design: The accelerator.
        workload: What to run.
        mapper: Let timeloop-mapper search a mapping instead of giving timeloop-model ours. Its search is
            random and not optimal.
        budget: How long the mapper searches.
        tables: "accelergy": energy and area by Accelergy's plug-ins, 45 nm and integers only; "model": by
            this toolkit's process files. None: accelergy where it can.
        time_limit: Seconds for one GEMM.
        python: The Python that has timeloop-python; the environment's TIMELOOP_PYTHON, or this one, if None.

    Raises:
        ValueError: If the design cannot run the workload, or an option is not allowed.
        TimeloopError: If Timeloop is missing, or a run gives no result.
    """
    FloatRange(0.001, 1e6, "s").check("time_limit", time_limit)
    gemms = {product: operations[0] for product, operations in products_of(workload).items()}
    source = _source(tables, design, own_width(gemms.values()))
    model = evaluate_one(design, workload, join=False)
    mode = "timeloop-mapper" if mapper else "timeloop-model"
    needs = (mode, "accelergy") if source == "accelergy" else (mode,)
    if not gemms:
        return replace(
            model, backend="timeloop", notes=("the workload has no GEMM, so that Timeloop had no work",)
        )
    front_end = find(python, needs)
    counts, figures = front_end.identity(mode), front_end.identity(*needs[1:])
    job = _Job(mapper, budget or Budget(), source, time_limit, front_end, counts, figures)
    found = {product: _count(design, gemm, job) for product, gemm in gemms.items()}
    return report(model, found, mapper=mapper, tables=source)


def _source(tables: str | None, design: Design, width: str) -> str:
    """Return whose figures Timeloop is given; `width` is one that a product has of its own, or empty."""
    source = str(Choice(TABLES).check("tables", tables or ("model" if width else default_tables(design))))
    if source == "accelergy" and (why := why_not_accelergy(design) or width):
        raise refuse("tables", source, f"model with {why}, of which Accelergy's plug-ins have no figures")
    return source


def _count(design: Design, gemm: Gemm, job: _Job) -> Counted:
    mapping, words = choose(design, gemm), words_of(design, gemm)
    outcome = _outcome(design, gemm, mapping, job)
    try:
        levels = parse(outcome.stats)
        expected = {"DRAM", "preg", "mac", *(buffer.name for buffer in buffers(design, words))}
        if missing := sorted(expected - set(levels)):
            raise refuse("timeloop statistics", f"no level {', '.join(missing)}", "those of the specs")
        work = math.prod(mapping.padded(dimension) for dimension in DIMENSIONS)
        if levels["mac"].computes != work:
            raise refuse("timeloop statistics", f"{levels['mac'].computes} computes", f"{work}")
    except ValueError as error:
        raise TimeloopError(f"timeloop-{job.mode}: {error}", outcome.stats.strip()[-400:]) from None
    idle = padding(in_steps(gemm, figures_of(design, gemm)), mapping)
    return counted(levels, idle, words, design.dram_bandwidth / design.clock)


def _outcome(design: Design, gemm: Gemm, mapping: Mapping, job: _Job) -> Outcome:
    """Return the result of a run, from disk if it was run before."""
    if job.mapper:
        sizes = {dimension: mapping.padded(dimension) for dimension in DIMENSIONS}
        files = specs.for_mapper(design, sizes, job.budget, gemm)
    else:
        files = specs.for_model(design, mapping, gemm)
    key = cache.digest(files, job.mode, job.tables, _components(design, gemm, job), job.identity)
    known = cache.load(key)
    if known and "stats" in known:
        return Outcome(known["stats"], known.get("mapping", ""), None)
    outcome = run(files, job.mode, job.front_end, _tables(design, gemm, job), job.time_limit)
    if job.tables == "accelergy" and outcome.tables:
        cache.keep(_components(design, gemm, job), outcome.tables._asdict())
    if outcome.stats:
        cache.keep(key, {"stats": outcome.stats, "mapping": outcome.mapping})
    return outcome


def _tables(design: Design, gemm: Gemm, job: _Job) -> Tables | None:
    """Return the tables to run with; None: Accelergy is to compute them, once a component set."""
    if job.tables == "model":
        return from_model(design, gemm)
    known: dict[str, Any] = cache.load(_components(design, gemm, job)) or {}
    return Tables(known["ert"], known["art"]) if {"ert", "art"} <= set(known) else None


def _components(design: Design, gemm: Gemm, job: _Job) -> str:
    """Return the hash of what energy and area tables depend on: components, without their loops."""
    if job.tables == "model":
        return cache.digest(*from_model(design, gemm))
    return cache.digest(specs.components(design, gemm), job.figures)
