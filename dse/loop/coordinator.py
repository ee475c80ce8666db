"""The loop: propose, submit to an executor, tell. One process, the only one that writes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from copy import copy
from dataclasses import replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from dse import record
from dse.directions import DIRECTION
from dse.evaluate import Figures, Job, MakeNetwork, Network, OtherNetworkError, ScoreCache, score_key
from dse.loop.evaluation import Evaluation, prepare, reason, scored
from dse.loop.executors import LOOK_S, Executor, Scoring
from dse.loop.interruption import Interruption
from dse.loop.recorder import Recorder
from dse.loop.screen import Screen
from dse.record import TrialRecord
from dse.search.strategies import Proposals, sampler_of
from dse.search.untried import text
from dse.space import Candidate, Space
from dse.space.widths import widths

MOST_LOSSES = 3
"""Workers that may be lost over one score before it is recorded as failed."""

REPEATS = 10
"""Proposals of what the study has already, one after another, after which something is taken at random that
it has not; where there is nothing, it is exhausted."""


class Coordinator:
    """Runs evaluations of one study.

    Args:
        study: In its database.
        space: What can be chosen; with it the study file.
        network: What is searched.
        make: Makes it in other processes, a function of a module.
        executor: Scores.
        interruption: Lets signals wait for a moment at which nothing is lost.
        cache: Scores of earlier runs.

    Attributes:
        records: All records of the study, those of this run too.
        before: Evaluations that it had.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: Space,
        network: Network,
        make: MakeNetwork,
        executor: Executor,
        interruption: Interruption,
        cache: ScoreCache,
    ) -> None:
        self._kept, self._space, self._network, self._make = study, space, network, make
        self._executor, self._interruption, self._cache = executor, interruption, cache
        trials = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
        self.records = [record.read(trial) for trial in trials]
        self.before = sum(own.part == 0 for own in self.records)
        self._next = 1 + max((own.evaluation for own in self.records), default=-1)
        self._memory = optuna.create_study(
            directions=study.directions, sampler=sampler_of(space, network, self.before)
        )
        self._proposals = Proposals(self._memory, space, self.before)
        self._screen = Screen(space.config, network.original)
        self._scores: dict[str, Figures] = {}
        self._evaluated: set[str] = set()
        self._waiting: dict[Scoring, tuple[str, list[Evaluation]]] = {}
        self._queue: deque[tuple[str, list[Evaluation], float]] = deque()
        self._started = self._ended = 0
        self._on_trial: Callable[[], None] = lambda: None
        self._learn(trials)

    def run(self, evaluations: int, on_trial: Callable[[], None] | None = None) -> int:
        """Make so many evaluations, and return how many they were: less where nothing new is proposed.

        Args:
            evaluations: How many.
            on_trial: Called after each.

        Raises:
            KeyboardInterrupt: When a signal came, after what was finished is recorded.
            UserError: If a worker has another network, or the cluster was lost.
        """
        self._on_trial = on_trial or (lambda: None)
        with self._interruption.held(), Recorder(self._kept) as self._recorder:
            for found in self._unfinished():
                self._begin(found)
            while self._started < evaluations or self._waiting or self._queue:
                while self._started < evaluations and self._under_way < self._most:
                    if not self._propose():
                        evaluations = self._started  # exhausted
                    self._interruption.check()
                self._collect()
                self._recorder.check()
                self._interruption.check()
        return self._ended

    @property
    def _under_way(self) -> int:
        return len(self._waiting) + len(self._queue)

    @property
    def _most(self) -> int:
        """Some more than there are workers, so that none waits for a proposal; a worker alone waits."""
        slots = self._executor.slots
        return slots + (slots > 1) + self._executor.ahead

    # What is proposed

    def _propose(self) -> bool:
        """Begin an evaluation of something new; False where only what the study has is proposed."""
        for _ in range(REPEATS):
            if self._begin_new(self._proposals.ask()):
                return True
        trial = self._proposals.untried(self._evaluated)
        return trial is not None and self._begin_new(trial)

    def _begin_new(self, trial: Trial) -> bool:
        """Begin the evaluation of what a trial chooses; False, and it ends, where the study has that."""
        own = self._proposals.own(trial)
        if (key := text(trial.params)) in self._evaluated:
            self._told(trial, Evaluation(-1, trial, own, "").base("fail"))
            return False
        self._evaluated.add(key)
        self._begin(Evaluation(self._next, trial, own, self._proposals.how))
        return True

    def _begin(self, found: Evaluation) -> None:
        self._started, self._next = self._started + 1, max(self._next, found.number + 1)
        try:
            prepare(found, self._proposals.designs(found.own), self._network, self._space.config)
        except optuna.TrialPruned as pruned:
            self._end(found, [replace(found.base("pruned"), reason=reason(pruned))])
            return
        except Exception as error:
            self._end(found, [replace(found.base("fail"), reason=reason(error))])
            return
        self._score(found)

    def _score(self, found: Evaluation) -> None:
        """Score an evaluation: on a share of the data first, if the study file says so, then on all."""
        share = self._space.config.search.subset if found.quick is None else 1.0
        key = self._key(found, share)
        if key not in self._scores and (cached := self._cache.get(key)) is not None:
            self._scores[key] = cached
        if key in self._scores:
            self._scored(found, self._scores[key], share)
            return
        under_way = (*self._waiting.values(), *((waited, others) for waited, others, _ in self._queue))
        for waited, others in under_way:
            if waited == key:
                others.append(found)
                return
        self._queue.append((key, [found], share))
        self._submit_queued()

    def _submit_queued(self) -> None:
        while self._queue and len(self._waiting) < self._executor.slots + self._executor.ahead:
            self._submit(*self._queue.popleft())

    def _submit(self, key: str, found: list[Evaluation], share: float) -> None:
        job = Job(
            make=self._make,
            study=self._space.config.content(),
            fingerprint=self._network.fingerprint,
            tables=found[0].own.tables,
            precision=found[0].precision,
            share=share,
            time_limit=self._space.config.search.time_limit,
        )
        self._waiting[self._executor.submit(job)] = (key, found)

    def _key(self, found: Evaluation, share: float) -> str:
        conditions = {} if share == 1.0 else {"share": share}
        return score_key(
            network=self._network.fingerprint, tables=found.own.tables, widths=found.precision, **conditions
        )

    # What is scored

    def _collect(self) -> None:
        """Wait for a score, and take in all that there are."""
        self._submit_queued()
        if not self._waiting:
            return
        with self._interruption.at_once():
            done, _ = wait(self._waiting, timeout=LOOK_S, return_when=FIRST_COMPLETED)
        for future in [future for future in self._waiting if future in done]:
            key, found = self._waiting.pop(future)
            self._submit_queued()  # before anything else, so that no worker waits
            share = self._space.config.search.subset if found[0].quick is None else 1.0
            error = CancelledError() if future.cancelled() else future.exception()
            if error is not None and self._executor.lost(error):
                self._lost(key, found, share)
            elif isinstance(error, OtherNetworkError):
                raise error
            elif error is not None:
                for own in found:
                    self._end(own, [replace(own.base("fail"), reason=reason(error))])
            else:
                self._scores[key] = figures = future.result()
                self._recorder.keep(self._cache, key, figures)
                for own in found:
                    self._scored(own, figures, share)

    def _lost(self, key: str, found: list[Evaluation], share: float) -> None:
        """Submit again what a lost worker was scoring, a few times."""
        found[0].losses += 1
        if found[0].losses < MOST_LOSSES:
            self._queue.appendleft((key, found, share))
            self._submit_queued()
            return
        why = f"{MOST_LOSSES} workers were lost while they scored it: killed, or out of memory"
        for own in found:
            self._end(own, [replace(own.base("fail"), reason=why)])

    def _scored(self, found: Evaluation, figures: Figures, share: float) -> None:
        """Take in a score: on all data it ends an evaluation, on a share of them it says whether to go on."""
        if share < 1.0 and found.quick is None:
            found.quick = figures
            if why := self._screen.rules_out(figures, [own for _, own in found.designs]):
                self._end(found, [replace(found.base("pruned"), reason=why)])
            else:
                self._score(found)
            return
        if found.quick is not None:
            self._screen.compare(found.quick, figures)
        self._end(found, scored(found, figures, self._space, self._screen))

    def _end(self, found: Evaluation, records: Sequence[TrialRecord]) -> None:
        """Tell the sampler what came of an evaluation, and record it: its own design last."""
        *others, own = records
        trials = [self._added(other) for other in others]
        trials.append(self._added(own) if found.trial is None else self._told(found.trial, own))
        self._recorder.add(trials)
        for trial in trials:
            self.records.append(replace(record.read(trial), number=len(self.records)))
        self._ended += 1
        self._on_trial()

    def _added(self, own: TrialRecord) -> FrozenTrial:
        """Add a record to the study in memory, without what its sampler does not look at."""
        names, distributions = self._names, self._space.distributions(own.params)
        self._memory.add_trial(record.frozen(replace(own, workload={}), names, distributions))
        return record.frozen(own, names, distributions)

    def _told(self, trial: Trial, own: TrialRecord) -> FrozenTrial:
        """End a trial of the study in memory, and return it whole."""
        for name, value in record.attributes(replace(own, workload={})).items():
            trial.set_user_attr(name, value)
        for name, value in own.violations.items():
            trial.set_constraint(name, value)
        values = own.values(self._names) if own.state == "complete" else None
        self._memory.tell(trial, values, state=TrialState[own.state.upper()])
        whole = copy(self._memory.get_trials(deepcopy=False)[trial.number])
        whole.user_attrs = record.attributes(own)
        return whole

    @property
    def _names(self) -> list[str]:
        return [figure.name for figure in self._space.config.figures]

    # What is there

    def _learn(self, trials: Sequence[FrozenTrial]) -> None:
        """Take in the trials of earlier runs."""
        for trial, own in zip(trials, self.records, strict=True):
            slim = copy(trial)
            slim.user_attrs = record.attributes(replace(own, workload={}))
            self._memory.add_trial(slim)
            if own.state in ("complete", "pruned"):
                self._evaluated.add(text(own.params))
            if own.state == "complete":
                known: dict[str, Any] = {n: own.metrics[n] for n in self._network.original}
                key = score_key(
                    network=self._network.fingerprint, tables=own.tables, widths=widths(own.design)
                )
                self._scores[key] = known | ({DIRECTION: own.direction} if own.direction else {})
        self._screen.learn(self.records)

    def _unfinished(self) -> list[Evaluation]:
        """Return evaluations of which a killed run recorded some designs, but not the trial's own."""
        whole = {own.evaluation for own in self.records if own.part == 0}
        begun = {own.evaluation: own for own in self.records if own.part and own.evaluation not in whole}
        return [
            Evaluation(number, None, Candidate(own.tables, own.precision), own.proposal)
            for number, own in begun.items()
        ]
