"""`neuralmatrix run`: a study from its file to its results."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from dse.cli.console import INTERRUPTED, say

STORAGE = "NEURALMATRIX_STORAGE"
"""The environment variable that can hold the storage's URL: no list of processes then shows its password."""


def _print_fields(wanted: bool) -> None:
    if wanted:
        from dse.cli.console import output
        from dse.cli.fields import fields

        output().print(fields())
        raise typer.Exit


def use_one_thread() -> None:
    """Let torch use one thread, unless the environment says otherwise.

    Threads of small operations wait for each other: 60 trials of BERT on digits took 260 s of CPU with two
    threads on a busy machine of two cores, and 73 s with one.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def run(
    study_file: Annotated[
        Path, typer.Argument(metavar="STUDY.toml", help="The study file.", show_default=False)
    ],
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", "-n", min=1, help="Evaluations to add; the study file's number if not given."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="The run folder; runs/NAME unless given."),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Start afresh; a study that is there is kept as study-N.db.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, max=1024, help="Processes of this machine that score.")
    ] = 1,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="tcp://HOST:PORT", help="A Dask scheduler, whose workers score."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URL",
            envvar=STORAGE,
            show_envvar=True,
            help="Where trials are kept, postgresql://USER:PASSWORD@HOST/DATABASE or another URL that Optuna "
            "takes; study.db in the run folder unless given.",
        ),
    ] = None,
    platforms: Annotated[
        Path | None,
        typer.Option("--platforms", metavar="FILE", help="Platforms to compare with, as `measure` writes."),
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option("--verify", metavar="BACKEND", help="Score the front again, with timeloop."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was found as one JSON object; all else on stderr.")
    ] = False,
    fields: Annotated[  # noqa: ARG001 - its callback prints and ends the command
        bool,
        typer.Option("--fields", is_eager=True, callback=_print_fields, help="Show a study file's fields."),
    ] = False,
) -> None:
    """Run a study file, or continue the study that its run folder holds.

    A study file (TOML) says which network, tables and hardware are searched. Every field has a default; a
    list is searched, a single value is fixed. `neuralmatrix run --fields` shows them all.

    **Written** to the run folder:

    - study.db: every trial, as an Optuna study on SQLite
    - report.html: the Pareto front and the designs on it, in one file to send on
    - pareto.png, trials.csv, trials.parquet, best.json: the same as a figure, tables and plain values
    - ratios.csv: throughput per watt over that of platforms
    - designs/, of a study of hardware alone: the metrics of all designs
    - timeloop.csv, with `--verify timeloop`: the front as Timeloop counts it (docs/timeloop.md)

    The same command again adds trials to the study. Ctrl-C keeps the finished ones. The bar is shown on a
    terminal alone, and not where the environment sets CI.

    **Exit status**: 0; 1 if no trial finished; 2 for what you can put right; 130 after Ctrl-C.

    **Examples**

    - `neuralmatrix run studies/bert_digits.toml`
    - `neuralmatrix run studies/paper.toml`, a study of hardware alone: nothing is scored
    - `neuralmatrix run studies/bert_digits.toml --trials 200 --out results/bert`
    - `neuralmatrix run studies/bert_digits.toml --workers 8`
    - `neuralmatrix run studies/bert_digits.toml --cluster tcp://127.0.0.1:8786`, see docs/many_machines.md
    - `neuralmatrix run studies/bert_digits.toml --json | jq '.front[] | select(.knee)'`
    - `neuralmatrix run studies/bert_digits.toml --storage postgresql://me@server/studies`
    """
    use_one_thread()
    from dse.cli.display import Display, summary, tell
    from dse.export import overview, write_results
    from dse.job import run as run_study

    if verify is not None:
        from dse.results.verify import check, possible
        from dse.study_file import load

        check(verify, possible(load(study_file).design_axes))
    if platforms is not None:
        from dse.results.platforms import check as check_platforms
        from dse.study_file import load

        check_platforms(platforms, load(study_file).network_names)
    with Display() as display:
        try:
            study = run_study(
                study_file, trials, out, new=new, workers=workers, cluster=cluster, url=url, progress=display
            )
        except KeyboardInterrupt:
            say("Interrupted: finished trials are kept, and the same command continues")
            raise typer.Exit(INTERRUPTED) from None
    found = study.snapshot()
    (tell if as_json else summary)(found)
    if platforms is not None:
        from dse.results.platforms import keep

        keep(found.folder, platforms, found.file.network_names)
        for line in write_results(found):
            say(line)
    if verify is not None:
        from dse.cli.verified import verify_and_show

        verify_and_show(found, show=not as_json)
    if as_json:
        print(json.dumps(overview(found)))
    if not len(found.points()):
        raise typer.Exit(1)
