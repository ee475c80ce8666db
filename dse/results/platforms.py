"""Platforms that a study is compared with: rows of the same network, kept in its run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accel_models.platforms import Platform, dumps, load
from dse.errors import UserError
from dse.files import read_text, write_whole
from dse.results import Results

FILE = "platforms.toml"


def keep(study: Results, path: Path) -> None:
    """Take the rows of a file into a study's run folder, where its report finds them.

    Raises:
        UserError: If the file cannot be read, or no row of it ran the study's network.
    """
    write_whole(study.folder / FILE, dumps(check(path, study.config.task.name)))


def check(path: Path, network: str) -> tuple[Platform, ...]:
    """Return the rows of a file.

    Raises:
        UserError: If it cannot be read, or none of them ran a network.
    """
    read_text(path)
    rows = load(path)
    if not any(row.network == network for row in rows):
        names = ", ".join(sorted({row.network for row in rows}))
        raise UserError(f"{path}: rows of {names}: must have one of {network}, as `measure {network}` writes")
    return rows


def of_network(study: Results) -> list[Platform]:
    """Return the kept rows of machines that ran the study's network; others cannot be compared with."""
    path = study.folder / FILE
    return [row for row in load(path) if row.network == study.config.task.name] if path.exists() else []


def compared(study: Results) -> list[dict[str, Any]]:
    """Return what a report shows of each platform that ran the study's network; empty if there is none.

    `platform` is its row; `least` and `most` are the front's throughput per watt over the platform's.
    """
    front = study.pareto().throughput_per_watt
    if front.empty:
        return []
    joules = [(row, row.per_joule(1.0)) for row in of_network(study)]
    return [
        {"platform": row, "theirs": theirs, "least": front.min() / theirs, "most": front.max() / theirs}
        for row, theirs in joules
    ]
