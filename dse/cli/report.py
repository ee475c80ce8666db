"""`neuralmatrix report`: the report of a study, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.console import say


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder, such as runs/bert_digits.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; DIR/report.html unless given."),
    ] = None,
) -> None:
    """Write the report of a study: one HTML file that needs no network.

    It can be written while the study runs. Example: neuralmatrix report runs/bert_digits
    """
    from dse.study import Study

    say(f"Written: {Study.open(folder).report(out or folder / 'report.html')}")
