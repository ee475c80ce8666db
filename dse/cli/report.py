"""`neuralmatrix report`: the report of a study, written again, or studies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.console import say


def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Run folders: runs/bert_digits.")],
    compare: Annotated[
        bool, typer.Option("--compare", help="Set two to four studies side by side, on one page.")
    ] = False,
    platforms: Annotated[
        Path | None,
        typer.Option("--platforms", metavar="FILE", help="Rows of `measure` on the study's network."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Where to; DIR/report.html, or comparison.html here, unless given.",
        ),
    ] = None,
) -> None:
    """Write the report of a study: one HTML file that needs no network.

    It can be written while the study runs.

    **Examples**

    - `neuralmatrix report runs/bert_digits`
    - `neuralmatrix report --compare runs/bert_digits runs/resnet_digits`
    """
    from dse.errors import UserError
    from dse.files import write_whole
    from dse.report import compare as compared
    from dse.report import render
    from dse.results import read
    from dse.results.platforms import keep

    if out is not None and len(folders) > 1 and not compare:
        raise UserError(f"--out = {out}: must be left out with more than one study, or with --compare")
    if platforms is not None and compare:
        raise UserError(f"--platforms {platforms}: must be left out with --compare")
    studies = [read(folder) for folder in folders]
    if compare:
        say(f"Written: {write_whole(out or Path('comparison.html'), compared(studies))}")
        return
    for study in studies:
        if platforms is not None:
            keep(study.folder, platforms, study.file.network_names)
        say(f"Written: {write_whole(out or study.folder / 'report.html', render(study))}")
