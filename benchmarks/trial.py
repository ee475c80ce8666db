"""Where a trial's time goes: tables, evaluation, hardware, Optuna; 60 trials of studies/bert_digits.toml.

    python benchmarks/trial.py

A trial is timed as a whole, and in it the fitting and setting of the tables, the pass over the test data, and
the choice of the hardware; the rest is Optuna with its storage. One core; TPE after the plain choices, in a
fresh study. Exits with status 1 if the bar is missed.
"""

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
import dse.search.hardware
from approx import ConvertedModule
from approx.tasks import Evaluator
from dse.progress import Silent
from dse.study import Study

STUDY = Path(__file__).parent.parent / "studies" / "bert_digits.toml"
TRIALS = 60
BAR = 0.030
"""Seconds a trial for tables and Optuna."""


class Watch:
    """Adds up the seconds spent in some functions."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def over(self, owner: Any, name: str, part: str) -> None:
        """Time every call of a function from now on."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.spent[part] = self.spent.get(part, 0.0) + time.perf_counter() - start

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


def run(folder: Path) -> list[dict[str, float]]:
    """Return the seconds of each part, a dict a trial."""
    watch = Watch()
    watch.over(ConvertedModule, "set_approximation", "tables")
    watch.over(Evaluator, "score", "evaluation")
    watch.over(dse.search.hardware.Designs, "evaluate", "hardware")
    laps = Laps(watch)
    dse.run(STUDY, trials=TRIALS, out=folder, progress=laps)
    return laps.rows


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = run(Path(folder))
    parts = ("tables", "evaluation", "hardware")
    for row in rows:
        row["Optuna"] = row["trial"] - sum(row.get(part, 0.0) for part in parts)
        row["tables and Optuna"] = row["Optuna"] + row.get("tables", 0.0)
    print(f"ms a trial, {TRIALS} trials of {STUDY.name}:      median     mean  longest")
    for part in (*parts, "Optuna", "tables and Optuna", "trial"):
        values = [1e3 * row.get(part, 0.0) for row in rows]
        print(f"{part:38s}{statistics.median(values):12.1f}{statistics.mean(values):9.1f}{max(values):9.1f}")
    beside = statistics.median(row["tables and Optuna"] for row in rows)
    print(f"tables and Optuna, median {beside * 1e3:.1f} ms, bar {BAR * 1e3:.0f}")
    sys.exit(beside > BAR)


if __name__ == "__main__":
    main()
