"""What `neuralmatrix run --verify` shows: the front by our model and by Timeloop."""

from __future__ import annotations

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from dse.cli.console import INTERRUPTED, output, say
from dse.files import write_whole
from dse.metrics import METRICS
from dse.report import render
from dse.results import Snapshot
from dse.results.verify import COMPARED, FILE, verified, verify


def verify_and_show(study: Snapshot, *, show: bool = True) -> None:
    """Score the front again, print both if they are to be shown, and write the report anew."""
    try:
        verify(study, lambda number, place, count: say(f"Timeloop: trial {number} ({place} of {count})"))
    except KeyboardInterrupt:
        say("Interrupted: the study's results are kept, and so are Timeloop's so far, for the next time")
        raise typer.Exit(INTERRUPTED) from None
    write_whole(study.folder / "report.html", render(study))
    if show:
        output().print(_table(study))
    for row in verified(study):
        if row["reason"]:
            say(f"trial {row['number']}, {row['network']}: {row['reason']}")
    say(f"Written: {study.folder / FILE}; the same table is in report.html")


def _table(study: Snapshot) -> Table:
    title = "Timeloop against our model"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("trial", justify="right")
    table.add_column("network")
    for name in COMPARED:
        figure = METRICS[name]
        for heading in (f"{figure.label}\n{figure.unit}", "Timeloop", "difference", "of it counting"):
            table.add_column(heading, justify="right")
    for row in verified(study):
        cells = []
        for name in COMPARED:
            figures = row["figures"][name]
            cells += [figures["model"], figures["timeloop"], row["difference"][name], row["counting"][name]]
        table.add_row(str(row["number"]), row["network"], *cells)
    return table
