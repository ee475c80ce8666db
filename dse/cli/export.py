"""`neuralmatrix export`: a design's inputs for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.console import say


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/bert_digits.")],
    kind: Annotated[
        str,
        typer.Option("--format", "-f", metavar="FORMAT", help="Of the list below.", show_default=False),
    ],
    design: Annotated[
        str,
        typer.Option(
            "--design", "-d", metavar="N", help="A trial's number, knee, best-accuracy or best-efficiency."
        ),
    ] = "knee",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Where to; RUN/FORMAT-DESIGN unless given."),
    ] = None,
) -> None:
    """Write what another tool needs to check, or to build, a design of a study.

    **Formats**

    - tables: tables.json, every site's table, with its integers where the design computes in fixed point
    - c: tables.h, the same integers for C99, with a function that evaluates a table
    - verilog: tables.mem for `$readmemh`, and a SystemVerilog package of widths and offsets
    - model: the converted network, for `approx.load` and for `approx.machine.load`
    - design: design.toml and workload.json, which `neuralmatrix estimate` costs to the same figures
    - timeloop: a folder a distinct matrix product, for timeloop-model with our mapping and for
      timeloop-mapper
    - scalesim: configuration and topology for SCALE-Sim 3.0.0

    Example: neuralmatrix export runs/bert_digits --format timeloop --design knee --out knee
    """
    from accel_models.checks import did_you_mean
    from dse.errors import UserError
    from dse.exports import FORMATS, choose
    from dse.files import check_writable, write_whole
    from dse.results import read

    if kind not in FORMATS:
        raise UserError(f"--format {kind}: must be one of {', '.join(FORMATS)}{did_you_mean(kind, FORMATS)}")
    chosen = choose(read(folder), design)
    target = out or folder / f"{kind}-{design}"
    check_writable(target)
    files = FORMATS[kind](chosen)
    for name, content in files.items():
        write_whole(target / name, content)
    say(f"Written: {target}, {len(files)} files for trial {chosen.number}")
