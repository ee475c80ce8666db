"""What a candidate is worth: quality of the converted network, and cost on its accelerator."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_models import Design, Workload, evaluate_many, needs
from dse.directions import DIRECTION, pack
from dse.errors import UserError
from dse.metrics import HARDWARE, QUALITY
from dse.score.fingerprint import code, fingerprint
from dse.score.seen import Seen, some_of
from dse.space import Candidate, Tables
from dse.space.widths import Widths, completed, numerics, widths
from dse.storage.memo import Figures, Memo, memo_key
from dse.study_file import StudyFile

Array = NDArray[np.float64]


class Network(Protocol):
    """A network whose nonlinear functions are tables that can be changed.

    Attributes:
        functions: Functions that need tables, sorted.
        sites: The function of every site that needs a table, by its name.
        fingerprint: Equal for equal networks, data and code: with the tables, all that a score depends on.
        original: Quality figures of the unconverted network.
        certificate: What the network became: `counts` of each kind of node, `functions` with their number of
            sites, and `entries`, a node each.
        inputs: For each function its site of the widest domain: `site`, `sites` (how many it stands for),
            `domain` (lo, hi) where tables are fitted, and `density` as `approx.Density.to_dict` or None.
    """

    @property
    def functions(self) -> tuple[str, ...]: ...  # noqa: D102 - see the class

    @property
    def sites(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    @property
    def original(self) -> Figures: ...  # noqa: D102

    @property
    def certificate(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def inputs(self) -> Mapping[str, Any]: ...  # noqa: D102

    def workload(self, tables: Tables) -> Workload:
        """Return what the accelerator must run with these tables."""

    def quality(self, tables: Tables, chosen: Widths) -> Figures:
        """Score the network with these tables, in the numbers of these widths, on held-out data.

        The search learns faster from one that also says where its outputs moved; see `dse.directions`.
        """

    def losses(self, tables: Tables, chosen: Widths) -> dict[str, Figures]:
        """Score the network by its tables alone, by its widths alone, and by both."""

    def accumulator(self, chosen: Widths) -> int:
        """Return the accumulator's bits: those given, or the least that no layer can overflow.

        Raises:
            ValueError: If those given, or any, can be overflowed; names the layer.
        """

    def quick_quality(self, tables: Tables, chosen: Widths, share: float) -> Figures:
        """Score as `quality` on the first batches of the held-out data, a share of them."""

    def table_errors(self, key: str, table: Mapping[str, Any]) -> Array:
        """Return a table's errors at inputs that stand for those it sees, the same for all tables of a key.

        They are weighted by how often each is seen: the squares add up to the mean squared error. Nothing is
        run for it. With a function as key it stands for all its sites, up to a factor.

        Returns:
            (points,).
        """

    def input_parts(self, key: str) -> NDArray[np.intp]:
        """Return which of its sites, and which range of that site's inputs, each of these points is in.

        Errors of different parts may matter more or less to the network's outputs.

        Returns:
            Two numbers a point, from 0, (2, points).
        """

    def finetuned(self, tables: Tables, chosen: Widths) -> Figures:
        """Train the network through these tables and widths, score it, and leave it as it was."""


class ConvertedNetwork:
    """A task's network, converted once; its tables change with each candidate. See `Network`.

    Raises:
        UserError: If there is no such task, or an objective is no figure of it.
        ValueError: If the network cannot be converted.
    """

    def __init__(self, config: StudyFile) -> None:
        import approx

        self._task = task = _load_task(config)
        batches = [batch.inputs for batch in task.calibration_batches()]
        model = task.model()
        self._converted = approx.convert(model, batches[0], calibration=batches)
        self._evaluator = approx.tasks.Evaluator(task)
        self._batch = config.search.batch
        self._errors: dict[tuple[str, str], Array] = {}
        program = self._converted.program
        self.functions = tuple(program.functions)
        self.sites = {site.name: site.function for site in program.sites if not site.exact}
        self.original = self._evaluator.original.figures
        _check_figures(config, self.original)
        self.certificate = _plain(program.certificate())
        tests = [(batch.inputs, batch.targets) for batch in task.test_batches()]
        self.fingerprint = fingerprint(program.graph_module.code, model.state_dict(), batches, tests, code())

    @cached_property
    def inputs(self) -> Mapping[str, Any]:
        """What the widest site of each function is given; see `Network`."""
        domains = {s.name: self._converted.domain(s) for s in self._converted.program.sites if not s.exact}
        found = {}
        for function in self.functions:
            names = [name for name, of in self.sites.items() if of == function]
            widest = max(names, key=lambda name: _width(function, domains[name]))
            density = self._converted.density(widest)
            found[function] = {
                "site": widest,
                "sites": len(names),
                "domain": list(domains[widest]),
                "density": None if density is None else density.to_dict(),
            }
        return found

    def workload(self, tables: Tables) -> Workload:
        """Return what the accelerator must run with these tables; nothing is fitted for it."""
        return self._converted.program.workload(self._batch, _approximation(tables))

    def quality(self, tables: Tables, chosen: Widths) -> Figures:
        """Score the network with these tables and widths on the task's test data."""
        return self._score(self._evaluator, _approximation(tables), numerics(chosen))

    def quick_quality(self, tables: Tables, chosen: Widths, share: float) -> Figures:
        """Score the network with these tables and widths on the first of the task's test batches."""
        return self._score(self._quick_evaluator(share), _approximation(tables), numerics(chosen))

    def losses(self, tables: Tables, chosen: Widths) -> dict[str, Figures]:
        """Score the network by its tables alone, by its widths alone, and by both."""
        import approx

        floats, exact = approx.Numerics(), approx.Approximation.exact()
        return {
            "tables": self._score(self._evaluator, _approximation(tables), floats),
            "widths": self._score(self._evaluator, exact, numerics(chosen)),
            "both": self.quality(tables, chosen),
        }

    def accumulator(self, chosen: Widths) -> int:
        """Return the accumulator's bits; see `Network`."""
        return self._accumulator_for(numerics(chosen)) or chosen.get("accumulator_bits", 32)

    @cache  # noqa: B019 - one network a process, and some widths a study
    def _accumulator_for(self, numbers: Any) -> int | None:
        return self._converted.accumulator_for(numbers)

    def _score(self, evaluator: Any, approximation: Any, numbers: Any) -> Figures:
        self._converted.set_approximation(approximation, numbers)
        score = evaluator.score(self._converted)
        return {**score.figures, DIRECTION: pack(score.direction)}

    def built(self, tables: Tables, chosen: Widths) -> Any:
        """Return the converted network, an `approx.ConvertedModule`, with these tables and widths."""
        self._converted.set_approximation(_approximation(tables), numerics(chosen))
        return self._converted

    @cache  # noqa: B019 - one network a process, and one share a study
    def _quick_evaluator(self, share: float) -> Any:
        from approx.tasks import Evaluator

        return Evaluator(_FirstBatches(self._task, share))

    def table_errors(self, key: str, table: Mapping[str, Any]) -> Array:
        """Return the tables' errors on calibrated inputs at some of its sites, one after the other."""
        named = (key, json.dumps(table, sort_keys=True))
        if named not in self._errors:
            self._errors[named] = self._table_errors(key, table)
        return self._errors[named]

    def _table_errors(self, key: str, table: Mapping[str, Any]) -> Array:
        import approx

        seen = self._seen(key)
        self._converted.set_approximation(_approximation(dict.fromkeys(seen, table)), approx.Numerics())
        tables, width = self._converted.tables, table.get("width")
        return np.concatenate([own.errors(tables[name], width) for name, own in seen.items()])

    def input_parts(self, key: str) -> NDArray[np.intp]:
        """Return sites and ranges of the inputs of `table_errors`; see `Network`."""
        ranges = [seen.ranges for seen in self._seen(key).values()]
        return np.array([np.repeat(np.arange(len(ranges)), [r.size for r in ranges]), np.concatenate(ranges)])

    @cache  # noqa: B019 - one network a process
    def _seen(self, key: str) -> Mapping[str, Seen]:
        """What some sites of a key were given, by their names; where none was seen, any of the domain."""
        from approx import Density

        names = [name for name, function in self.sites.items() if key in (name, function)]
        sites = {site.name: site for site in self._converted.program.sites}
        return {
            name: Seen.of(
                self._converted.density(name) or Density.uniform(*self._converted.domain(sites[name]))
            )
            for name in some_of(names)
        }

    def finetuned(self, tables: Tables, chosen: Widths) -> Figures:
        """Train a copy of the network through these tables and widths, `approx.finetune`, and score it."""
        import approx

        self._converted.set_approximation(_approximation(tables), numerics(chosen))
        network = copy.deepcopy(self._converted)
        approx.finetune(network, self._task)
        figures: Figures = self._evaluator.score(network).figures
        return figures


@dataclass(frozen=True)
class _FirstBatches:
    """A task whose test data are another's first batches, a share of them. See `approx.tasks.Task`."""

    task: Any
    share: float

    @property
    def name(self) -> str:
        return f"{self.task.name} (the first {self.share:.0%} of its test batches)"

    def model(self) -> Any:
        return self.task.model()

    def train_batches(self) -> Any:
        return self.task.train_batches()

    def calibration_batches(self) -> Any:
        return self.task.calibration_batches()

    def test_batches(self) -> Any:
        batches = list(self.task.test_batches())
        return batches[: max(1, round(self.share * len(batches)))]


class Scorer:
    """Scores candidates; tables that were scored before, by whom and when ever, are not scored again.

    Attributes:
        network: What is scored.
        evaluations: How many times this process ran the network over all its test data.
    """

    def __init__(self, network: Network, memo: Memo | None = None) -> None:
        self.network = network
        self.evaluations = 0
        self._memo = memo
        self._known: dict[str, Figures] = {}

    def costs(self, candidates: Sequence[Candidate], workload: Workload) -> list[tuple[Design, Figures]]:
        """Evaluate the accelerators of candidates with the same tables, at once, where that is not done yet.

        Raises:
            ValueError: If a design cannot run the network, or a figure is not finite; says why.
        """
        asked, least = needs(workload), self.network.accumulator
        designs = [Design(**completed(candidate.design, least), **asked) for candidate in candidates]
        known = [finite(dict(candidate.costs)) for candidate in candidates if candidate.costs]
        if len(known) < len(candidates):
            known = list(map(_cost_figures, evaluate_many(designs, workload).to_dict("records")))
        return list(zip(designs, known, strict=True))

    def learn(self, tables: Tables, chosen: Widths, figures: Figures) -> None:
        """Hear what a trial scored some tables with, in some widths."""
        self._known.setdefault(self.key(tables, chosen), figures)

    def claim(self, tables: Tables, chosen: Widths) -> bool:
        """Keep other processes from scoring some tables and widths, until `release`.

        Returns:
            False where another process is at them already.
        """
        key = self.key(tables, widths(completed(chosen, self.network.accumulator)))
        return self._memo is None or self._memo.claim(key)

    def release(self) -> None:
        """Let other processes score what was claimed."""
        if self._memo is not None:
            self._memo.release()

    def quality(self, tables: Tables, chosen: Widths) -> Figures:
        """Return the quality figures of some tables in the numbers of some widths.

        Raises:
            ValueError: If the network's outputs are unusable, or a figure is not finite.
        """
        return self._remembered(self.key(tables, chosen), lambda: self._score(tables, chosen))

    def quick_quality(self, tables: Tables, chosen: Widths, share: float) -> Figures:
        """Return the quality figures of some tables and widths on a share of the test batches.

        Raises:
            ValueError: As `quality`.
        """
        key = self.key(tables, chosen, share=share)
        return self._remembered(key, lambda: finite(self.network.quick_quality(tables, chosen, share)))

    def finetuned(self, tables: Tables, chosen: Widths) -> Figures:
        """Return the quality figures after training through some tables and widths."""
        key = self.key(tables, chosen, finetuned=True)
        return self._remembered(key, lambda: finite(self.network.finetuned(tables, chosen)))

    def key(self, tables: Tables, chosen: Widths, **conditions: Any) -> str:
        """Return what a score depends on, as a short text."""
        return memo_key(network=self.network.fingerprint, tables=tables, widths=chosen, **conditions)

    def _remembered(self, key: str, score: Callable[[], Figures]) -> Figures:
        if key not in self._known:
            self._known[key] = self._memo.get_or_make(key, score) if self._memo else score()
        return self._known[key]

    def _score(self, tables: Tables, chosen: Widths) -> Figures:
        self.evaluations += 1
        return finite(self.network.quality(tables, chosen))


def _cost_figures(found: Mapping[Any, Any]) -> Figures:
    """Return the figures of a row of `accel_models.evaluate_many`."""
    if found["reason"]:
        raise ValueError(found["reason"])
    return finite({figure.name: float(found[figure.name]) for figure in HARDWARE})


def finite(figures: Figures) -> Figures:
    """Return the figures as they are.

    Raises:
        ValueError: If one is infinite or not a number: an infinite one would sit on the Pareto front.
    """
    for name, value in figures.items():
        if name != DIRECTION and not math.isfinite(value):
            raise ValueError(f"{name} = {value}: must be finite")
    return figures


def _load_task(config: StudyFile) -> Any:
    from approx import tasks

    seed = {} if config.task.seed is None else {"seed": config.task.seed}
    try:
        return tasks.load(config.task.name, **{**config.task.options, **seed})
    except ValueError as error:
        reason = str(error).removeprefix(f"task = {config.task.name!r}: ")
        raise UserError(f"[task] name = {json.dumps(config.task.name)}: {reason}") from None


def _check_figures(config: StudyFile, original: Figures) -> None:
    """Refuse a figure of quality that the task does not have, such as the accuracy of embeddings."""
    wanted = [(f"[search] objectives = {json.dumps(f.name)}", f) for f in config.figures]
    wanted += [(f"[constraints] {c.figure.name}", c.figure) for c in config.limits]
    for field, figure in wanted:
        if figure in QUALITY and figure.name not in original:
            raise UserError(f"{field}: {config.task.name} has {', '.join(original)}")


def _width(function: str, domain: tuple[float, float]) -> float:
    """How wide a domain is: in octaves where errors are relative, else as it is."""
    from approx.cpwl import get_function

    low, high = domain
    relative = get_function(function).error == "relative" and low > 0
    return math.log2(high / low) if relative else high - low


def _approximation(tables: Tables) -> Any:
    import approx

    return approx.Approximation(overrides={function: dict(table) for function, table in tables.items()})


def _plain(certificate: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(certificate)))
    return plain
