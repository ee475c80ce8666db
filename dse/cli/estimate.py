"""`neuralmatrix estimate`: what a workload costs on a design."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dse.cli.console import output, say
from dse.cli.settings import parsed

if TYPE_CHECKING:
    from accel_models import CostReport, Design, Workload
    from dse.exports import Chosen

LAYERS = 12
"""Rows shown of the operations that take most energy."""


def estimate(
    workload: Annotated[
        Path,
        typer.Argument(metavar="WORKLOAD", help="A workload as JSON, or a run folder: the one of its knee."),
    ],
    design: Annotated[
        Path | None, typer.Option("--design", "-d", metavar="FILE", help="A design as TOML or JSON.")
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", metavar="FIELD=VALUE", help="A field of the design, such as rows=32; repeatable."
        ),
    ] = None,
    network: Annotated[
        str | None, typer.Option("--network", metavar="NAME", help="One of several networks of a run folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Estimate time, energy and area of a workload on a design.

    With a run folder, the design starts as its knee's; without one or --design, as the default design.

    Examples: neuralmatrix estimate runs/bert_digits --set rows=32 --set cols=32

    neuralmatrix estimate workload.json --design design.toml --json
    """
    from accel_models import evaluate

    base, work = _inputs(workload, design, network)
    report = evaluate(_changed(base, fields or []), work)
    if as_json:
        print(json.dumps(_values(report)))
    else:
        _show(report)


def _of_network(chosen: Chosen, network: str | None) -> Workload:
    """Return the workload of a network of a study, or of all, one after the other."""
    from dse.errors import UserError

    if network is None:
        if len(chosen.workloads) > 1:
            say(f"{', '.join(chosen.workloads)}, one after the other; --network NAME for one of them")
        return chosen.workload
    if network not in chosen.workloads:
        raise UserError(f"--network {network}: must be one of {', '.join(chosen.workloads)}")
    return chosen.workloads[network]


def _inputs(workload: Path, design: Path | None, network: str | None) -> tuple[Design, Workload]:
    from accel_models import Design, Workload
    from dse.errors import UserError
    from dse.files import read_text

    if workload.is_dir():
        from dse.exports import choose
        from dse.results import read

        chosen = choose(read(workload), "knee")
        base, work = chosen.design, _of_network(chosen, network)
    else:
        if network is not None:
            raise UserError(f"--network {network}: must be left out with a workload's file")
        read_text(workload)
        base, work = Design(), Workload.load(workload)
    if design is not None:
        read_text(design)
        base = Design.load(design)
    return base, work


def _changed(design: Design, fields: list[str]) -> Design:
    """Set fields given as text; each value has the type that its rule asks for."""
    from accel_models import Design

    return Design.from_dict({**design.to_dict(), **parsed(fields)})


def _values(report: CostReport) -> dict[str, Any]:
    totals = {name: value for name, value in vars(report).items() if isinstance(value, float)}
    parts = {"energy_parts": report.energy_parts, "area_parts": report.area_parts}
    return {**totals, **parts, "design": report.design.to_dict()}


def _show(report: CostReport) -> None:
    from rich.table import Table

    from dse.formatting import formatted
    from dse.metrics import HARDWARE

    figures = Table(box=None, show_header=False, pad_edge=False)
    for figure in HARDWARE:
        figures.add_row(figure.label, formatted(figure, getattr(report, figure.name)), figure.unit)
    output().print(figures)
    layers = report.layers.sort_values("energy_j", ascending=False).head(LAYERS)
    table = Table(title="Operations that take most energy", title_justify="left", header_style="bold")
    for name in ("name", "kind", "cycles", "energy_j", "utilisation", "bound"):
        table.add_column(name)
    for row in layers.to_dict("records"):
        share = row["energy_j"] / report.energy_j
        table.add_row(
            row["name"], row["kind"], f"{row['cycles']:,.0f}", f"{row['energy_j']:.3g} ({share:.1%})",
            f"{row['utilisation']:.1%}", row["bound"],
        )  # fmt: skip
    output().print(table)
