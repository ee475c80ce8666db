"""What `neuralmatrix run` does with a study of hardware alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dse.cli.console import output, say
from dse.hardware_study import run
from dse.hardware_study.designs import COMMON
from dse.hardware_study.report import role
from dse.hardware_study.run import Outcome
from dse.hardware_study.tables import designs_table, ratios_table

FILES = ("report.html", "ratios.csv", "designs.csv", "ratios.png")
"""What a hardware study leaves in its folder."""


def run_hardware(path: Path, out: Path | None, platforms: Path | None, *, as_json: bool = False) -> None:
    """Run the study and print each network on each design with its ratios to the platforms."""
    from dse.cli.display import Display

    with Display() as display:
        outcome = run(path, out, platforms=platforms, progress=display)
    if as_json:
        print(json.dumps(_plain(outcome)))
    else:
        output().print(_table(outcome))
    say(f"Results in {outcome.folder}: {', '.join(FILES)}")


def _plain(outcome: Outcome) -> dict[str, Any]:
    """Return the rows of designs.csv and ratios.csv as plain values; what a row lacks is null."""
    tables = {"designs": designs_table(outcome.results), "ratios": ratios_table(outcome.ratios)}
    return {
        "study": outcome.study.name,
        "folder": str(outcome.folder),
        **{
            name: json.loads(table.to_json(orient="records", double_precision=15))
            for name, table in tables.items()
        },
        "files": [str(outcome.folder / name) for name in FILES],
    }


def _table(outcome: Outcome) -> Table:
    title = f"Throughput per watt of {outcome.study.name}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("network", "design"):
        table.add_column(heading)
    for heading in (
        "latency\nms",
        "power\nW",
        "inferences/s",
        "inferences/J",
        "ratio to platforms",
        "in range",
    ):
        table.add_column(heading, justify="right")
    for result in outcome.results:
        if result.role == COMMON:
            continue
        ratios = [ratio for ratio in outcome.ratios if ratio.result is result]
        values = [ratio.value for ratio in ratios]
        span = f"{min(values):.3g} to {max(values):.3g}" if values else "no platform"
        inside = sum(ratio.place == "in" for ratio in ratios)
        report = result.report
        table.add_row(
            result.network.title, role(result), f"{report.latency_s * 1e3:.4g}", f"{report.power_w:.3g}",
            f"{report.throughput:.4g}", f"{report.throughput_per_watt:.4g}", span,
            f"{inside} of {len(ratios)}",
        )  # fmt: skip
    return table
