"""Where a trial's time goes: tables, evaluation, search, hardware, storage; on studies/bert_digits.toml.

    python benchmarks/trial.py                  # 60 trials, as the study file says
    python benchmarks/trial.py --trials 1000    # the last 100 of them: 5 minutes

A trial is timed as a whole, and in it the fitting and setting of the tables, the pass over the test data,
what else there is to scoring, the guide's proposal, and the evaluation of the hardware, each without the
others; the rest is Optuna with its storage. One core, a fresh study, no score remembered. Exits with status 1
if a bar is missed.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts its threads

import dse
from accel_models import Designs
from approx import ConvertedModule
from approx.folders import VARIABLE as CACHE
from approx.tasks import Evaluator
from dse.evaluate import ConvertedNetwork
from dse.progress import Silent
from dse.search.bayes.proposer import Proposer
from dse.study import Study

STUDY = Path(__file__).parent.parent / "studies" / "bert_digits.toml"
LAST = 100
"""Trials that are looked at, the last ones."""

SCORING = ("tables", "evaluation", "other scoring")
"""The parts of a trial that score it."""

BAR = 0.030
"""Seconds a trial for tables and all that is not evaluation or hardware, median."""

SHARE, MANY = 0.05, 1000
"""Share of a trial's time that is not scoring, mean, once there are so many trials."""


class Watch:
    """Adds up the seconds spent in some functions, without those spent in others of them meanwhile."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._inside = 0.0

    def over(self, owner: Any, name: str, part: str) -> None:
        """Time every call of a function from now on."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            outside, self._inside = self._inside, 0.0
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                seconds = time.perf_counter() - start
                self.spent[part] = self.spent.get(part, 0.0) + seconds - self._inside
                self._inside = outside + seconds

        setattr(owner, name, timed)


class Laps(Silent):
    """Takes the seconds of each part at the end of every trial."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.rows, self.start = watch, [], 0.0

    def begin(self, study: Study, trials: int) -> None:
        super().begin(study, trials)
        self.watch.spent.clear()
        self.start = time.perf_counter()

    def trial(self, study: Study) -> None:
        super().trial(study)
        now = time.perf_counter()
        self.rows.append({"trial": now - self.start, **self.watch.spent})
        self.watch.spent.clear()
        self.start = time.perf_counter()


def run(folder: Path, trials: int) -> list[dict[str, float]]:
    """Return the seconds of each part, a dict a trial."""
    watch = Watch()
    watch.over(ConvertedModule, "set_approximation", "tables")
    watch.over(Evaluator, "score", "evaluation")
    watch.over(ConvertedNetwork, "quality", "other scoring")
    watch.over(Proposer, "propose", "search")
    watch.over(Designs, "evaluate", "hardware")
    laps = Laps(watch)
    dse.run(STUDY, trials=trials, out=folder, progress=laps)
    return laps.rows[-LAST:]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure where a trial's time goes.")
    parser.add_argument("--trials", type=int, default=60, help="trials to run (default 60)")
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE] = str(Path(folder) / "cache")
        rows = run(Path(folder), trials)
    parts = (*SCORING, "search", "hardware")
    for row in rows:
        row |= {part: row.get(part, 0.0) for part in parts}
        row["beside scoring"] = row["trial"] - sum(row[part] for part in SCORING)
        row["rest"] = row["beside scoring"] - row["search"] - row["hardware"]
        row["all but evaluation and hardware"] = row["trial"] - row["evaluation"] - row["hardware"]
    print(f"ms a trial, the last {len(rows)} of {trials} of {STUDY.name}:      median     mean  longest")
    for part in (*parts, "rest", "all but evaluation and hardware", "beside scoring", "trial"):
        values = [1e3 * row[part] for row in rows]
        print(f"{part:38s}{statistics.median(values):12.1f}{statistics.mean(values):9.1f}{max(values):9.1f}")
    most = statistics.median(row["all but evaluation and hardware"] for row in rows)
    share = sum(row["beside scoring"] for row in rows) / sum(row["trial"] for row in rows)
    print(f"all but evaluation and hardware, median {most * 1e3:.1f} ms, bar {BAR * 1e3:.0f}")
    print(f"beside scoring {share:.1%} of the time, bar {SHARE:.0%} from {MANY} trials on")
    sys.exit(most > BAR or (trials >= MANY and share > SHARE))


if __name__ == "__main__":
    main()
