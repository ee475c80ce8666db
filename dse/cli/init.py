"""`neuralmatrix init`: a study file to start from, every field explained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.console import say


def init(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="digits-bert, minilm, ..., or your own module:function.")
    ] = "digits-bert",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; TASK.toml here unless given."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a commented study file for a model, ready to run.

    Every field is there with its default, most of them commented out: uncomment what you want to change.

    Example: neuralmatrix init digits-resnet --out mine.toml
    """
    from dse.errors import UserError
    from dse.files import check_writable, write_whole
    from dse.study_file.starter import starter

    path = out or Path(f"{task.replace(':', '_').replace('-', '_')}.toml")
    if path.exists() and not force:
        raise UserError(f"{path}: is there already: must be another file, or use --force")
    check_writable(path.parent)
    write_whole(path, starter(task))
    say(f"Written: {path}. Next: neuralmatrix run {path}")
