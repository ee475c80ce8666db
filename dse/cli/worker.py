"""`neuralmatrix worker`: one more worker on a study that runs, from any machine that reaches its storage."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer

from dse.cli.console import INTERRUPTED, say
from dse.cli.run import STORAGE, use_one_thread


def worker(
    url: Annotated[
        str,
        typer.Option(
            "--storage",
            metavar="URL",
            envvar=STORAGE,
            show_envvar=True,
            show_default=False,
            help="Where the study is kept, postgresql://USER:PASSWORD@HOST/DATABASE or sqlite:///FILE.",
        ),
    ],
    study: Annotated[
        str, typer.Option("--study", metavar="NAME", show_default=False, help="The study's name.")
    ],
    trials: Annotated[
        int | None,
        typer.Option("--trials", "-n", min=1, help="Do at most so many; until the run is done if not given."),
    ] = None,
) -> None:
    """Join a study that `neuralmatrix run --storage URL` began, until its run is done.

    The study file comes with the study; the network is made here and must be the same.

    Example: neuralmatrix worker --storage postgresql://me@server/studies --study bert_digits
    """
    use_one_thread()
    from dse import storage
    from dse.score import ConvertedNetwork
    from dse.study import Study

    database = storage.open_url(url)
    with storage.watched(database):
        found = Study.load(database, study)
        network = ConvertedNetwork(found.config)
        try:
            made = found.join(network, uuid4().int % 2**31, trials)
        except KeyboardInterrupt:
            say("Interrupted: finished trials are kept")
            raise typer.Exit(INTERRUPTED) from None
        say(f"{made} trials done for {study}; its run is {'done' if found.latest_done() else 'not done yet'}")
