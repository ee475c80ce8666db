"""`neuralmatrix convert`: a task's network as matrix operations and tables, with what that costs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dse.cli.console import output, say
from dse.cli.settings import parsed

if TYPE_CHECKING:
    import approx


def convert(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="digits-bert, minilm, ..., or your own module:function.")
    ],
    segments: Annotated[int, typer.Option("--segments", "-n", help="Of every table, 1 to 1024.")] = 16,
    placement: Annotated[
        str, typer.Option("--placement", "-p", help="uniform, dyadic, curvature, minimax or density.")
    ] = "minimax",
    bias: Annotated[
        str, typer.Option("--bias", "-b", help="none, minimax, least_squares or mean.")
    ] = "minimax",
    options: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="OPTION=VALUE", help="An option of the task, such as seed=1."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write the converted network, for approx.load."),
    ] = None,
    nodes: Annotated[bool, typer.Option("--nodes", help="Show what each node became.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Convert a task's network, show what became of it, and score it beside the original.

    **Examples**

    - `neuralmatrix convert digits-resnet --segments 8`
    - `neuralmatrix convert huggingface --set network=my/model --set dataset=my/data --out model.nm`
    """
    import approx
    from approx import tasks
    from dse.files import check_writable

    if out is not None:
        check_writable(out.parent)
    tables = approx.Approximation(segments=segments, placement=placement, bias=bias)
    loaded = tasks.load(task, **parsed(options or []))
    converted = _converted(loaded, tables)
    evaluator = tasks.Evaluator(loaded)
    scores = {"original": evaluator.original.figures, "converted": evaluator.score(converted).figures}
    certificate = converted.program.certificate()
    if as_json:
        print(json.dumps({"counts": certificate.counts, "functions": certificate.functions, **scores}))
    else:
        _show(certificate, scores, nodes=nodes)
    if out is not None:
        converted.save(out)
        say(f"Written: {out}")


def _converted(task: Any, tables: approx.Approximation) -> approx.ConvertedModule:
    import approx

    batches = [batch.inputs for batch in task.calibration_batches()]
    return approx.convert(task.model(), batches[0], tables, calibration=batches)


def _show(certificate: Any, scores: dict[str, dict[str, float]], *, nodes: bool) -> None:
    from rich.table import Table

    from dse.formatting import formatted
    from dse.metrics import METRICS

    lines = str(certificate).splitlines()
    print("\n".join(lines if nodes else lines[:2]))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in scores["original"]:
        table.add_column(METRICS[name].label, justify="right")
    for network, figures in scores.items():
        table.add_row(network, *(formatted(METRICS[name], value) for name, value in figures.items()))
    output().print(table)
