"""`neuralmatrix dashboard`: a study in optuna-dashboard, on this machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.console import say

HOST = "127.0.0.1"
"""Loopback: the dashboard asks for no password."""


def dashboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder, such as runs/bert_digits.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 8080,
) -> None:
    """Open a study in optuna-dashboard (the `dashboard` extra), on 127.0.0.1 only; Ctrl-C ends it.

    It can be opened while the study runs. Example: neuralmatrix dashboard runs/bert_digits
    """
    from approx.extras import how_to_install
    from dse.errors import UserError
    from dse.study import Study

    study = Study.open(folder)
    try:
        import optuna_dashboard
    except ModuleNotFoundError:
        raise UserError(
            f"optuna-dashboard is missing: must be installed, with {how_to_install('dashboard')}"
        ) from None
    say(f"http://{HOST}:{port} shows {study.name}; Ctrl-C ends it")
    optuna_dashboard.run_server(study.database.optuna, host=HOST, port=port)
