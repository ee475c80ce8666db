"""`neuralmatrix plot`: the Pareto front as a figure for a paper."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dse.cli.console import say


class Kind(StrEnum):
    """File formats of a figure."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


def plot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder, such as runs/bert_digits.")],
    kind: Annotated[Kind, typer.Option("--format", "-f", help="File format.")] = Kind.PNG,
    width: Annotated[
        float, typer.Option(min=2.0, max=20.0, help="Inches; 3.5 is a column of most two-column layouts.")
    ] = 7.0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; DIR/pareto.FORMAT unless given."),
    ] = None,
) -> None:
    """Draw the Pareto front of a study, at a paper's quality.

    Example: neuralmatrix plot runs/bert_digits --format pdf --width 3.5
    """
    from dse.drawn import drawn
    from dse.files import write_whole
    from dse.plots import pareto_figure
    from dse.study import Study

    figure = pareto_figure(Study.open(folder), width)
    say(f"Written: {write_whole(out or folder / f'pareto.{kind.value}', drawn(figure, kind.value))}")
