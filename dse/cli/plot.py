"""`neuralmatrix plot`: a study as a figure for a paper."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dse.cli.console import say

if TYPE_CHECKING:
    from dse.metrics import Metric
    from dse.results import Snapshot


class Format(StrEnum):
    """File formats of a figure."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


def plot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder, such as runs/bert_digits.")],
    kind: Annotated[
        str, typer.Option("--kind", "-k", metavar="NAME", help="front, growth, effects or ratios.")
    ] = "front",
    x: Annotated[
        str | None,
        typer.Option("--x", metavar="METRIC", help="Across, of the front; an objective if not given."),
    ] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="METRIC", help="Up, likewise.")] = None,
    file_format: Annotated[Format, typer.Option("--format", "-f", help="File format.")] = Format.PNG,
    width: Annotated[
        float, typer.Option(min=2.0, max=20.0, help="Inches; 3.5 is a column of most two-column layouts.")
    ] = 7.0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Where to; DIR/pareto.FORMAT or DIR/NAME.FORMAT if not given."
        ),
    ] = None,
) -> None:
    """Draw a study at a paper's quality, while it runs too.

    **Kinds**

    - front: all designs over two metrics, and the Pareto front among them
    - growth: the share of the final hypervolume that the first trials reached
    - effects: the share of each objective's variance that a parameter explains
    - ratios: throughput per watt over that of platforms

    Example: neuralmatrix plot runs/bert_digits --x area_mm2 --y throughput --format pdf --width 3.5
    """
    from accel_models.checks import did_you_mean
    from dse.errors import UserError
    from dse.files import write_whole
    from dse.pictures import picture
    from dse.plots import PLOTS, WITH_AXES, Asked
    from dse.results import read

    if kind not in PLOTS:
        raise UserError(f"--kind {kind}: must be one of {', '.join(PLOTS)}{did_you_mean(kind, PLOTS)}")
    for option, value in (("--x", x), ("--y", y)):
        if value is not None and kind not in WITH_AXES:
            raise UserError(f"{option} {value}: must be left out with --kind {kind}")
    study = read(folder)
    asked = Asked(width, _metric(study, "--x", x), _metric(study, "--y", y))
    figure = PLOTS[kind](study, asked)
    name = "pareto" if kind == "front" else kind
    target = out or folder / f"{name}.{file_format.value}"
    say(f"Written: {write_whole(target, picture(figure, file_format.value))}")


def _metric(study: Snapshot, option: str, name: str | None) -> Metric | None:
    from accel_models.checks import did_you_mean
    from dse.errors import UserError

    if name is None or name in study.metrics:
        return None if name is None else study.metrics[name]
    known = ", ".join(study.metrics)
    raise UserError(f"{option} {name}: must be one of {known}{did_you_mean(name, study.metrics)}")
