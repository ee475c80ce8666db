"""How many evaluations a search needs: hypervolume against that of a reference front, by strategy and seed.

    python benchmarks/search.py run bert_digits --strategy nested --seeds 5 --evaluations 300
    python benchmarks/search.py run bert_digits --strategy tpe --seeds 5 --evaluations 1000
    python benchmarks/search.py reference bert_digits --evaluations 300   # five more searches, and all runs
    python benchmarks/search.py table bert_digits        # what the runs reached, and what joint TPE needs
    python benchmarks/search.py additivity bert_digits   # how well losses of single functions add up

An evaluation is a pass of a network with new tables or widths over the test data. Scores are kept in the
user's score cache, so that strategies and seeds share them; what a search asked for twice counts once. A run
is kept as a small file in `benchmarks/search/`, with the reference front.

Three hypervolumes are printed. `whole` counts from zero in both objectives. `box` counts from the worst
values on the reference front, moved out by a tenth of the front's span (Ishibuchi et al., Evolutionary
Computation 26, 2018), and so sees only what happens near the front. `decades` is the same with the distance
to the original network on a logarithmic scale, as the plots draw it: there every decade of fidelity counts
alike.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import optuna

from dse import storage
from dse.evaluate import ConvertedNetwork, Figures, Job, ScoreCache, hold, score, score_key
from dse.pareto import hypervolume, non_dominated
from dse.search.bayes.acquisition import loss_of
from dse.search.nested import enumeration
from dse.space import Space, Tables
from dse.space.widths import completed, widths
from dse.study import Study
from dse.study_file import StudyFile, parse

ROOT = Path(__file__).parent
KEPT = ROOT / "search"
STRATEGIES = {
    "nested": ("nested", "auto"),
    "nested-tpe": ("nested", "tpe"),
    "auto": ("joint", "auto"),
    "tpe": ("joint", "tpe"),
    "nsga2": ("joint", "nsga2"),
    "random": ("joint", "random"),
}
SUBSETS = {"minilm": 0.1}
"""Share of the test data that a problem is scored on here, where all take too long; 1 unless listed."""

OTHERS = (99, 98, 97, 96, 95)
"""The seeds of the searches that make the reference front; no run has them."""

CHECKPOINTS = (30, 100, 300, 1000)
LEAST = 1e-9
Point = tuple[float, float]
"""Loss, and inferences per joule."""


def problem(name: str, strategy: str = "nested", seed: int = 0) -> tuple[StudyFile, str]:
    how, sampler = STRATEGIES[strategy]
    text = (ROOT.parent / "studies" / f"{name}.toml").read_text()
    own = f'[search]\nstrategy = "{how}"\nsampler = "{sampler}"\nseed = {seed}\n'
    text = text.replace("[search]\n", own)
    return parse(text, f"{name}-{strategy}-{seed}"), text


def network(name: str) -> ConvertedNetwork:
    made = ConvertedNetwork(problem(name)[0])
    if name in SUBSETS:
        whole = made.quality
        made.quality = lambda *what: whole(*what[:2], SUBSETS[name])  # type: ignore[method-assign]
        made.fingerprint += f", {SUBSETS[name]} of the test batches"
    return made


class Queue:
    """Some scores under way at a time, that end in the order in which they were begun. See `Executor`."""

    def __init__(self, made: ConvertedNetwork, slots: int) -> None:
        self.slots, self.ahead = slots, 0
        self._thread = ThreadPoolExecutor(1, initializer=hold, initargs=(made,))

    def submit(self, job: Job) -> Future[Figures]:
        return self._thread.submit(score, job)

    def lost(self, _error: BaseException) -> bool:
        return False

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)


def searched(
    name: str, strategy: str, seed: int, evaluations: int, made: ConvertedNetwork, flight: int = 1
) -> list[Point]:
    """Run a search, so many scores under way at a time, and return the points of its evaluations in order."""
    config, text = problem(name, strategy, seed)
    with tempfile.TemporaryDirectory() as folder:
        study = Study.start(Path(folder), storage.open_sqlite(Path(folder) / "study.db"), config, text, made)
        points: dict[str, Point] = {}
        while len(points) < evaluations:
            study.optimize(
                made, evaluations - len(points), executor=Queue(made, flight) if flight > 1 else None
            )
            points = {}
            for own in (own for own in study.records() if own.state == "complete"):
                asked = [own.tables, widths(own.design)]
                key = json.dumps(asked, sort_keys=True) + (
                    "" if strategy.startswith("nested") else str(own.number)
                )
                points[key] = (loss_of(own.metrics), own.metrics["throughput_per_watt"])
        return list(points.values())[:evaluations]


def run(name: str, strategy: str, seeds: range, evaluations: int, flight: int) -> None:
    made = network(name)
    KEPT.mkdir(exist_ok=True)
    for seed in seeds:
        path = KEPT / f"{name}-{strategy}{f'-in-flight-{flight}' if flight > 1 else ''}-{seed}.json"
        points = searched(name, strategy, seed, evaluations, made, flight)
        path.write_text(json.dumps(points) + "\n")
        print(f"{path.name}: {len(points)} evaluations", flush=True)


class Atlas:
    """Losses of tables, with the widths of the study's first design."""

    def __init__(self, name: str) -> None:
        self.network = network(name)
        self.space = Space(problem(name)[0], self.network.functions, self.network.sites)
        first = enumeration(self.space, self.network).fields[0]
        self._widths = widths(completed(first, self.network.accumulator))
        self._cache = ScoreCache()

    def loss(self, tables: Tables) -> float:
        key = score_key(network=self.network.fingerprint, tables=tables, widths=self._widths)
        if (figures := self._cache.get(key)) is None:
            self._cache.put(key, figures := self.network.quality(tables, self._widths))
        return loss_of(figures)


def reference(name: str, evaluations: int) -> None:
    """Take the front of more searches with other seeds, and of all runs, those of earlier versions too."""
    made = network(name)
    points = [point for seed in OTHERS for point in searched(name, "nested", seed, evaluations, made)]
    runs = sorted(KEPT.glob(f"{name}-*-[0-9].json"))
    others = [(loss, rate) for path in runs for loss, rate in json.loads(path.read_text())]
    content = {
        "command": f"python benchmarks/search.py reference {name} --evaluations {evaluations}",
        "scored": len(points),
        "runs": [path.name for path in runs],
        "front": front(points + others),
    }
    (KEPT / f"{name}-reference.json").write_text(json.dumps(content, indent=1) + "\n")
    print(f"{len(content['front'])} designs on the reference front")


def front(points: list[Point]) -> list[Point]:
    rows = np.array([(-loss, rate) for loss, rate in points])
    _, first = np.unique(rows, axis=0, return_index=True)
    return [points[i] for i in sorted(first[non_dominated(rows[first])], key=lambda i: -rows[i, 1])]


def scales(best: list[Point]) -> dict[str, tuple[object, np.ndarray]]:
    """Return each hypervolume's scale of (loss, rate) points, and its reference point."""

    def linear(points: np.ndarray) -> np.ndarray:
        return np.column_stack([np.exp(-points[:, 0]), points[:, 1]])

    def decades(points: np.ndarray) -> np.ndarray:
        return np.column_stack([-np.log10(np.maximum(points[:, 0], LEAST)), points[:, 1]])

    def outside(points: np.ndarray) -> np.ndarray:
        low, high = points.min(axis=0), points.max(axis=0)
        return low - 0.1 * (high - low)

    at = np.array(best, dtype=float)
    return {
        "whole": (linear, np.zeros(2)),
        "box": (linear, outside(linear(at))),
        "decades": (decades, outside(decades(at))),
    }


def curves(name: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield (scale, strategy, shares): hypervolume over the reference's after each evaluation, by seed."""
    best = json.loads((KEPT / f"{name}-reference.json").read_text())["front"]
    for label, (scale, worst) in scales(best).items():
        full = hypervolume(scale(np.array(best, dtype=float)), worst)
        for strategy in STRATEGIES:
            rows = []
            for path in sorted(KEPT.glob(f"{name}-{strategy}-[0-9].json")):
                points = scale(np.array(json.loads(path.read_text()), dtype=float))
                rows.append([hypervolume(points[:n], worst) / full for n in range(1, len(points) + 1)])
            if rows:
                shortest = min(map(len, rows))
                yield label, strategy, np.array([row[:shortest] for row in rows])


def table(name: str) -> None:
    found = {(label, strategy): shares for label, strategy, shares in curves(name)}
    print(f"{name}: hypervolume / reference, mean of the seeds (worst)")
    print(f"{'':9}{'':12}" + "".join(f"{n:>16}" for n in CHECKPOINTS))
    for (label, strategy), shares in found.items():
        cells = [
            f"{shares[:, n - 1].mean():9.4f} ({shares[:, n - 1].min():.2f})" if n <= shares.shape[1] else ""
            for n in CHECKPOINTS
        ]
        print(f"{label:9}{strategy:12}" + "".join(f"{cell:>16}" for cell in cells))
    for label in ("whole", "box", "decades"):
        if (label, "nested") in found and (label, "tpe") in found:
            print(f"{label}: joint TPE needs for nested's hypervolume at " + "; ".join(ratios(found, label)))


def ratios(found: dict[tuple[str, str], np.ndarray], label: str) -> Iterator[str]:
    ours, theirs = (found[label, strategy].mean(axis=0) for strategy in ("nested", "tpe"))
    for n in CHECKPOINTS:
        if n <= len(ours):
            reached = np.flatnonzero(theirs >= ours[n - 1])
            need = f"{reached[0] + 1}" if len(reached) else f"more than {len(theirs)}"
            least = (reached[0] + 1 if len(reached) else len(theirs)) / n
            yield f"{n}: {need} evaluations, {'' if len(reached) else 'over '}{least:.1f} times as many"


def additivity(name: str) -> None:
    """Compare losses of random tables with the sums of single losses, all other functions at their finest."""
    choices = problem(name)[0].approximation
    finest = {"segments": max(choices.segments), "placement": "dyadic", "bias": "least_squares"}
    rng, rows = random.Random(0), []  # noqa: S311 - a sample, not a secret
    atlas = Atlas(name)
    base = dict.fromkeys(atlas.space.tables.keys, finest)
    floor = atlas.loss(base)
    for count in range(60):
        least = sorted(choices.segments)[count % 3]
        able = {k: [s for s in atlas.space.tables.specs(k) if s["segments"] >= least] for k in base}
        chosen = {key: rng.choice(specs) for key, specs in able.items()}
        single = [atlas.loss({**base, key: spec}) - floor for key, spec in chosen.items()]
        rows.append((atlas.loss(chosen), floor + sum(single)))
    lines = [follows(atlas, base, key) for key in base]
    print(f"{name}: single losses against the errors of tables, logarithms")
    for key, (slope, scatter) in zip(base, lines, strict=True):
        print(f"  {key}: slope {slope:.2f}, scatter about the line {scatter:.2f}")
    measured, added = np.array(rows).T
    print(f"{name}: measured loss over the sum of single losses")
    for low, high in itertools.pairwise((0, 1e-3, 1e-2, 1e-1, 1, np.inf)):
        inside = (measured >= low) & (measured < high)
        if inside.any():
            ratio = measured[inside] / added[inside]
            print(
                f"  loss {low:g} to {high:g}: {inside.sum()} tables, {ratio.min():.2f} to {ratio.max():.2f}"
            )


def follows(atlas: Atlas, base: Tables, key: str) -> tuple[float, float]:
    """Fit the line of one key's losses over its tables' errors; its slope, and the scatter about it."""
    specs = atlas.space.tables.specs(key)
    errors = np.log([max((atlas.network.errors.of(key, spec) ** 2).sum(), 1e-12) for spec in specs])
    losses = np.log([max(atlas.loss({**base, key: spec}), 1e-12) for spec in specs])
    slope, level = np.polyfit(errors, losses, 1)
    return float(slope), float((losses - level - slope * errors).std())


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("run", "reference", "table", "additivity"))
    parser.add_argument("problem", choices=("bert_digits", "minilm"))
    parser.add_argument("--strategy", choices=tuple(STRATEGIES), default="nested")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--flight", type=int, default=1, help="scores under way at a time")
    given = parser.parse_args()
    if given.command == "run":
        seeds = range(given.first, given.first + given.seeds)
        run(given.problem, given.strategy, seeds, given.evaluations, given.flight)
    elif given.command == "reference":
        reference(given.problem, given.evaluations)
    else:
        {"table": table, "additivity": additivity}[given.command](given.problem)


if __name__ == "__main__":
    main()
