"""What a candidate is worth: quality of the converted network, and cost on its accelerator."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from accel_models import CostReport, Design, Workload, evaluate, needs
from dse.config import StudyConfig
from dse.errors import UserError
from dse.figures import HARDWARE, QUALITY
from dse.space import Candidate, Tables
from dse.widths import Widths, completed, numerics

Figures = dict[str, float]
"""Figures by name, see `dse.figures`."""


class Network(Protocol):
    """A network whose nonlinear functions are tables that can be changed.

    Attributes:
        functions: Functions that need tables, sorted.
        original: Quality figures of the unconverted network.
        certificate: What the network became: `counts` of each kind of node, `functions` with their number of
            sites, and `entries`, a node each.
    """

    @property
    def functions(self) -> tuple[str, ...]: ...  # noqa: D102 - see the class

    @property
    def original(self) -> Figures: ...  # noqa: D102

    @property
    def certificate(self) -> Mapping[str, Any]: ...  # noqa: D102

    def workload(self, tables: Tables) -> Workload:
        """Return what the accelerator must run with these tables."""

    def quality(self, tables: Tables, chosen: Widths) -> Figures:
        """Score the network with these tables, in the numbers of these widths, on held-out data."""

    def losses(self, tables: Tables, chosen: Widths) -> dict[str, Figures]:
        """Score the network by its tables alone, by its widths alone, and by both."""

    def accumulator(self, chosen: Widths) -> int:
        """Return the accumulator's bits: those given, or the least that no layer can overflow.

        Raises:
            ValueError: If those given, or any, can be overflowed; names the layer.
        """


class ConvertedNetwork:
    """A task's network, converted once; its tables change with each candidate. See `Network`.

    Raises:
        UserError: If there is no such task, or an objective is no figure of it.
        ValueError: If the network cannot be converted.
    """

    def __init__(self, config: StudyConfig) -> None:
        import approx

        task = _load_task(config)
        batches = [batch.inputs for batch in task.calibration_batches()]
        self._converted = approx.convert(task.model(), batches[0], calibration=batches)
        self._evaluator = approx.tasks.Evaluator(task)
        self._batch = config.search.batch
        self.functions = tuple(self._converted.program.functions)
        self.original = self._evaluator.original.figures
        _check_objectives(config, self.original)
        self.certificate = _plain(self._converted.program.certificate())

    def workload(self, tables: Tables) -> Workload:
        """Return what the accelerator must run with these tables; nothing is fitted for it."""
        return self._converted.program.workload(self._batch, _approximation(tables))

    def quality(self, tables: Tables, chosen: Widths) -> Figures:
        """Score the network with these tables and widths on the task's test data."""
        return self._scored(_approximation(tables), numerics(chosen))

    def losses(self, tables: Tables, chosen: Widths) -> dict[str, Figures]:
        """Score the network by its tables alone, by its widths alone, and by both."""
        import approx

        floats, exact = approx.Numerics(), approx.Approximation.exact()
        return {
            "tables": self._scored(_approximation(tables), floats),
            "widths": self._scored(exact, numerics(chosen)),
            "both": self.quality(tables, chosen),
        }

    def accumulator(self, chosen: Widths) -> int:
        """Return the accumulator's bits; see `Network`."""
        return self._converted.accumulator_for(numerics(chosen)) or chosen.get("accumulator_bits", 32)

    def _scored(self, approximation: Any, numbers: Any) -> Figures:
        self._converted.set_approximation(approximation)
        if self._converted.numerics != numbers:
            self._converted.set_numerics(numbers)
        return self._evaluator.score(self._converted).figures


class Scorer:
    """Scores candidates; tables that were scored before in the same widths are not scored again.

    Attributes:
        network: What is scored.
        known: Quality figures by the key of the tables and widths that they belong to.
        evaluations: How many times the network was run over its test data.
    """

    def __init__(self, network: Network, known: Mapping[str, Figures] | None = None) -> None:
        self.network = network
        self.known = dict(known or {})
        self.evaluations = 0

    def cost(self, candidate: Candidate) -> tuple[Design, Workload, CostReport]:
        """Evaluate a candidate's accelerator; takes milliseconds.

        Raises:
            ValueError: If the design cannot run the network; says why.
        """
        workload = self.network.workload(candidate.tables)
        design = Design(**completed(candidate.design, self.network.accumulator), **needs(workload))
        return design, workload, evaluate(design, workload)

    def quality(self, tables: Tables, chosen: Widths) -> Figures:
        """Return the quality figures of some tables in the numbers of some widths.

        Raises:
            ValueError: If the network's outputs are unusable, or a figure is not finite.
        """
        key = memo_key(tables, chosen)
        if key not in self.known:
            self.evaluations += 1
            self.known[key] = finite(self.network.quality(tables, chosen))
        return self.known[key]


def memo_key(tables: Tables, chosen: Widths) -> str:
    """Return what quality depends on, within one study, as text."""
    return json.dumps([tables, chosen], sort_keys=True)


def cost_figures(report: CostReport) -> Figures:
    """Return a report's figures.

    Raises:
        ValueError: If one is not finite.
    """
    return finite({figure.name: float(getattr(report, figure.name)) for figure in HARDWARE})


def finite(figures: Figures) -> Figures:
    """Return the figures as they are.

    Raises:
        ValueError: If one is infinite or not a number: an infinite one would sit on the Pareto front.
    """
    for name, value in figures.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} = {value}: must be finite")
    return figures


def _load_task(config: StudyConfig) -> Any:
    from approx import tasks

    options = {} if config.task.seed is None else {"seed": config.task.seed}
    try:
        return tasks.load(config.task.name, **options)
    except ValueError as error:
        reason = str(error).removeprefix(f"task = {config.task.name!r}: ")
        raise UserError(f"[task] name = {json.dumps(config.task.name)}: {reason}") from None


def _check_objectives(config: StudyConfig, original: Figures) -> None:
    """Refuse a figure of quality that the task does not have, such as the accuracy of embeddings."""
    missing = [f.name for f in config.figures if f in QUALITY and f.name not in original]
    if missing:
        raise UserError(
            f"[search] objectives = {json.dumps(missing[0])}: {config.task.name} has {', '.join(original)}"
        )


def _approximation(tables: Tables) -> Any:
    import approx

    return approx.Approximation(overrides={function: dict(table) for function, table in tables.items()})


def _plain(certificate: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(certificate)))
    return plain
