"""A task's network, converted once."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Any

from accel_models import Workload
from dse.directions import DIRECTION, pack
from dse.errors import UserError
from dse.evaluate.cache import Figures
from dse.evaluate.fingerprint import code, fingerprint
from dse.evaluate.inputs import CalibratedErrors
from dse.metrics import QUALITY
from dse.space import Tables
from dse.space.widths import Widths, numerics
from dse.study_file import StudyFile


class ConvertedNetwork:
    """A task's network, converted once; its tables change with each score. See `Network`.

    Raises:
        UserError: If there is no such task, or an objective is no metric of it.
        ValueError: If the network cannot be converted.
    """

    def __init__(self, config: StudyFile) -> None:
        import approx

        self._task = task = load_task(config)
        batches = [batch.inputs for batch in task.calibration_batches()]
        model = task.model()
        self._converted = approx.convert(model, batches[0], calibration=batches)
        self._evaluator = approx.tasks.Evaluator(task)
        self._batch = config.search.batch
        program = self._converted.program
        self.functions = tuple(program.functions)
        self.sites = {site.name: site.function for site in program.sites if not site.exact}
        self.errors = CalibratedErrors(self._converted, self.sites)
        self.original = self._evaluator.original.figures
        check_metrics(config, self.original)
        self.certificate = _plain(program.certificate())
        tests = [(batch.inputs, batch.targets) for batch in task.test_batches()]
        self.fingerprint = fingerprint(program.graph_module.code, model.state_dict(), batches, tests, code())

    @cached_property
    def inputs(self) -> Mapping[str, Any]:
        """What the widest site of each function is given; see `Network`."""
        return self.errors.widest(self.functions)

    def workload(self, tables: Tables) -> Workload:
        """Return what the accelerator must run with these tables; nothing is fitted for it."""
        return self._converted.program.workload(self._batch, approximation(tables))

    def quality(self, tables: Tables | None, chosen: Widths | None, share: float = 1.0) -> Figures:
        """Score the network on the task's test data; see `Network`."""
        import approx

        fitted = approx.Approximation.exact() if tables is None else approximation(tables)
        numbers = approx.Numerics() if chosen is None else numerics(chosen)
        self._converted.set_approximation(fitted, numbers)
        score = self._evaluator_of(share).score(self._converted)
        return {**score.figures, DIRECTION: pack(score.direction)}

    def accumulator(self, chosen: Widths) -> int:
        """Return the accumulator's bits; see `Network`."""
        return self._accumulator_for(numerics(chosen)) or chosen.get("accumulator_bits", 32)

    @cache  # noqa: B019 - one network a process, and some widths a study
    def _accumulator_for(self, numbers: Any) -> int | None:
        return self._converted.accumulator_for(numbers)

    def built(self, tables: Tables, chosen: Widths) -> Any:
        """Return a network of its own, an `approx.ConvertedModule`, with these tables and widths."""
        made = copy.deepcopy(self._converted)
        made.set_approximation(approximation(tables), numerics(chosen))
        return made

    def finetuned(self, tables: Tables, chosen: Widths) -> Figures:
        """Train a copy of the network through these tables and widths, `approx.finetune`, and score it."""
        import approx

        network = self.built(tables, chosen)
        approx.finetune(network, self._task)
        figures: Figures = self._evaluator.score(network).figures
        return figures

    @cache  # noqa: B019 - one network a process, and one or two shares a study
    def _evaluator_of(self, share: float) -> Any:
        from approx.tasks import Evaluator

        return self._evaluator if share == 1.0 else Evaluator(_FirstBatches(self._task, share))


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


def approximation(tables: Tables) -> Any:
    """Return the `approx.Approximation` of some tables."""
    import approx

    return approx.Approximation(overrides={function: dict(table) for function, table in tables.items()})


def load_task(config: StudyFile) -> Any:
    """Return the task that a study file names, with its options."""
    from approx import tasks

    seed = {} if config.task.seed is None else {"seed": config.task.seed}
    try:
        return tasks.load(config.task.name, **{**config.task.options, **seed})
    except ValueError as error:
        reason = str(error).removeprefix(f"task = {config.task.name!r}: ")
        raise UserError(f"[task] name = {json.dumps(config.task.name)}: {reason}") from None


def check_metrics(config: StudyFile, original: Figures) -> None:
    """Refuse a metric of quality that the task does not have, such as the accuracy of embeddings."""
    wanted = [(f"[search] objectives = {json.dumps(f.name)}", f) for f in config.figures]
    wanted += [(f"[constraints] {c.figure.name}", c.figure) for c in config.limits]
    for field, figure in wanted:
        if figure in QUALITY and figure.name not in original:
            raise UserError(f"{field}: {config.task.name} has {', '.join(original)}")


def _plain(certificate: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(certificate)))
    return plain
