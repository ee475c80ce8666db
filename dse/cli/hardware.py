"""What `neuralmatrix run` does with a study of hardware alone."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dse.cli.console import output, say
from dse.hardware_study import run
from dse.hardware_study.designs import COMMON
from dse.hardware_study.report import role
from dse.hardware_study.run import Outcome


def run_hardware(path: Path, out: Path | None, platforms: Path | None) -> None:
    """Run the study and print each network on each design with its ratios to the platforms."""
    from dse.cli.display import Display

    with Display() as display:
        outcome = run(path, out, platforms=platforms, progress=display)
    output().print(_table(outcome))
    say(f"Results in {outcome.folder}: report.html, ratios.csv, designs.csv, ratios.png")


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
