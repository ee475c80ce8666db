"""`neuralmatrix verify`: the front of a study that is there, counted by another model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/bert_digits.")],
    backend: Annotated[
        str, typer.Option("--backend", "-b", metavar="BACKEND", help="Which model: timeloop.")
    ] = "timeloop",
) -> None:
    """Score the front of a study again with Timeloop, without another trial.

    It is what `neuralmatrix run --verify timeloop` does after a run: timeloop.csv in the run folder, and a
    table on the terminal and in report.html, show latency, energy and throughput per watt by our model, by
    our model on Timeloop's terms, and by Timeloop (docs/timeloop.md). Results of Timeloop are kept, so that a
    second time takes no time.

    Example: `neuralmatrix verify runs/bert_digits`
    """
    from dse.cli.verified import verify_and_show
    from dse.errors import UserError
    from dse.results import read
    from dse.results.verify import check, front

    study = read(folder)
    if not len(study.front):
        raise UserError(f"{folder}: no trial has finished: there is nothing to verify")
    check(backend, front(study), option="--backend")
    verify_and_show(study)
