"""The `neuralmatrix` command: one file a subcommand.

A subcommand imports what it needs when it runs, so that help comes at once.
"""

from __future__ import annotations

import signal
import sys
from typing import Annotated, NoReturn

import typer

from dse.cli.console import say
from dse.cli.convert import convert
from dse.cli.dashboard import dashboard
from dse.cli.doctor import doctor
from dse.cli.estimate import estimate
from dse.cli.export import export
from dse.cli.fit import fit
from dse.cli.init import init
from dse.cli.measure import measure
from dse.cli.plot import plot
from dse.cli.report import report
from dse.cli.run import run
from dse.cli.verify import verify
from dse.cli.worker import worker

USER_ERROR = 2


def _print_version(wanted: bool) -> None:
    if wanted:
        from dse.about import version

        print(version("neuralmatrix") or "not installed")
        raise typer.Exit


app = typer.Typer(
    name="neuralmatrix",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version.")
    ] = False,
) -> None:
    """Search networks that run as matrix operations only, and the accelerators that run them.

    What is searched for is the best accuracy and throughput per watt.
    """


for command in (
    init, run, worker, report, plot, export, verify, dashboard, convert, estimate, fit, measure, doctor,
):  # fmt: skip
    app.command()(command)


def main() -> NoReturn:
    """Run the command line; what a user can put right is a clear line a problem, and exit status 2."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except (ValueError, OSError) as error:
        say(str(error))
    sys.exit(USER_ERROR)


def _interrupt(*_: object) -> NoReturn:
    """Let a scheduler's SIGTERM end a run as cleanly as Ctrl-C."""
    raise KeyboardInterrupt
