"""What `neuralmatrix run` shows: a bar with the best so far, and the front at the end."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from optuna.trial import TrialState
from rich.box import SIMPLE_HEAD
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from approx.extras import how_to_install
from dse.cli.console import live, messages, output, say
from dse.export import has_parquet, written_files
from dse.formatting import formatted
from dse.results import Results, Snapshot

SHOWN = ("accuracy", "throughput_per_watt", "area_mm2", "power_w", "latency_s", "fidelity")
"""Figures beside the objectives, the most telling first."""

SHORT = {
    "throughput_per_watt": "throughput/W",
    "latency_s": "latency",
    "power_w": "power",
    "area_mm2": "area",
}
DESIGN_WIDTH, FIGURE_WIDTH = 34, 14
"""Headings for a narrow place; letters that trial and design take, and at most a figure with its gap."""

MANY = 20
"""Rows of a front that a terminal shows; trials.csv has them all."""


class Display:
    """Shows a run on standard error while it goes on, if somebody watches that. See `Progress`."""

    def __init__(self) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[best]}", style="dim"),
            console=messages(),
            transient=True,
            disable=not live(),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, text: str) -> None:
        """Show what is done next; the bar makes room for what that may show itself."""
        self._bar.stop()
        if not self._bar.disable:
            messages().print(text, style="dim", highlight=False)

    def warn(self, text: str) -> None:
        """Say a line that stays, above the bar."""
        self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, study: Results, trials: int) -> None:
        """Show the bar."""
        self._task = self._bar.add_task(study.name, total=trials, best="")
        self._bar.start()

    def trial(self, study: Results) -> None:
        """Move the bar on."""
        if self._task is not None and not self._bar.disable:
            self._bar.update(self._task, advance=1, best=_best(study))

    def designs(self, done: int, of: int) -> None:
        """Show how many designs are evaluated."""
        if self._task is None:
            self._task = self._bar.add_task("Designs", total=of, best="")
            self._bar.start()
        self._bar.update(self._task, completed=done)


def _best(study: Results) -> str:
    """Say in a few words what the front reaches."""
    done = [own for own in study.records() if own.feasible]
    if not done:
        return "no finished trial yet"
    parts = []
    for metric in study.objectives:
        best = max((own.metrics[metric.name] for own in done), key=lambda value: value * metric.sign)
        parts.append(f"{metric.name} {formatted(metric, best)}")
    return "best " + ", ".join(parts)


def summary(study: Snapshot) -> None:
    """Print the Pareto front beside the unconverted network, what failed, and where the results are."""
    front = study.front
    console = output()
    console.print(front_table(study, console.width))
    if len(front) > MANY:
        say(f"{MANY} of {len(front)} designs on the front; all are in {study.folder / 'trials.csv'}")
    tell(study)


def tell(study: Snapshot) -> None:
    """Say what became of the trials, and where the results are."""
    say(outcome(study))
    say(f"Results in {study.folder}: {', '.join(path.name for path in written_files(study))}")
    if not has_parquet():
        say(f"Without trials.parquet, which needs pyarrow: {how_to_install('parquet')}")


def front_table(study: Snapshot, width: int) -> Table:
    """Return the front as a table, the unconverted network's row first; figures as the width has room for."""
    wanted = dict.fromkeys([*(figure.name for figure in study.objectives), *SHOWN])
    names = [name for name in wanted if name in study.metrics]
    figures = [study.metrics[name] for name in names[: max(2, (width - DESIGN_WIDTH) // FIGURE_WIDTH)]]
    table = Table(
        title=f"Pareto front of {study.name}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("trial", justify="right")
    table.add_column("design", no_wrap=True)
    for figure in figures:
        table.add_column(f"{SHORT.get(figure.name, figure.name)}\n{figure.unit}".strip(), justify="right")
    original = [formatted(f, study.original[f.name]) if f.name in study.original else "" for f in figures]
    if study.original:
        table.add_row("", "unconverted network", *original, style="dim", end_section=True)
    for own in study.study.references:
        cells = [formatted(figure, own["metrics"][figure.name]) for figure in figures]
        table.add_row("", own["name"], *cells, style="dim", end_section=True)
    names = [study.label(int(number)) for number in study.front.number]
    rows = study.front.assign(label=names).to_dict("records")
    for row in rows[:: max(1, -(-len(rows) // MANY))]:
        mark = ", knee" if row["knee"] else ""
        cells = [formatted(figure, row[figure.name]) for figure in figures]
        table.add_row(str(row["number"]), row["label"] + mark, *cells, style="bold" if mark else "")
    return table


def outcome(study: Snapshot) -> str:
    """Say how many evaluations there were, how their designs ended, and why some did not finish."""
    trials = study.trials
    counts = trials.state.value_counts()
    text = ", ".join(f"{count} {state}" for state, count in counts.items())
    lines = [f"{study.evaluations} evaluations, {len(trials)} designs recorded: {text}"]
    if study.swept:
        lines = [f"{study.swept:,} designs evaluated; trials are choices of the front: {text}"]
    for state in (TrialState.FAIL, TrialState.PRUNED):
        reasons = trials[trials.state == state.name.lower()].reason.value_counts()
        lines += [f"  {state.name.lower()} {count} x: {why}" for why, count in reasons.head(3).items()]
    return "\n".join(lines)
