"""From a hardware study's file to its results: report.html, ratios.csv, designs.csv and ratios.png."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accel_models.platforms import Platform, published
from accel_models.platforms import load as load_platforms
from dse.drawn import drawn
from dse.errors import UserError
from dse.files import check_writable, read_text, write_whole
from dse.hardware_study.config import HardwareStudy, load
from dse.hardware_study.designs import Result, results
from dse.hardware_study.picture import ratio_figure
from dse.hardware_study.ratios import Ratio, ratios
from dse.hardware_study.report import render
from dse.hardware_study.tables import designs_table, ratios_table
from dse.job import RUNS
from dse.progress import Progress, Silent


@dataclass(frozen=True)
class Outcome:
    """What a run found.

    Attributes:
        study: The study file.
        folder: Where the results are.
        results: Every network on every design.
        ratios: Every result against every platform that ran the same.
    """

    study: HardwareStudy
    folder: Path
    results: Sequence[Result]
    ratios: Sequence[Ratio]


def run(
    path: str | Path,
    out: str | Path | None = None,
    *,
    platforms: str | Path | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run a study of hardware alone and write its results.

    Args:
        path: The study file, see `dse.hardware_study.config.HardwareStudy`.
        out: The folder for results; runs/NAME if None.
        platforms: A file of platforms to compare with besides the published ones.
        progress: Watches the run.

    Raises:
        UserError: Before any work, if a file or the folder is not as it must be.
    """
    watcher = progress or Silent()
    study, text = load(path), read_text(Path(path))
    folder = Path(out) if out is not None else RUNS / study.name
    check_writable(folder)
    rows = [*published(), *_own(platforms)]
    watcher.stage(f"Evaluating {len(study.networks)} networks")
    try:
        found = results(study)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    outcome = Outcome(study, folder, found, ratios(found, rows))
    _write(outcome, rows, text)
    return outcome


def _own(path: str | Path | None) -> tuple[Platform, ...]:
    if path is None:
        return ()
    read_text(Path(path))
    return load_platforms(path)


def _write(outcome: Outcome, platforms: Sequence[Platform], text: str) -> None:
    folder, figure = outcome.folder, ratio_figure(outcome.ratios)
    write_whole(folder / "ratios.csv", ratios_table(outcome.ratios).to_csv(index=False))
    write_whole(folder / "designs.csv", designs_table(outcome.results).to_csv(index=False))
    write_whole(folder / "ratios.png", drawn(figure, "png"))
    page = render(outcome.study, outcome.results, outcome.ratios, platforms, text)
    write_whole(folder / "report.html", page)
