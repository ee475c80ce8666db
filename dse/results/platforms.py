"""Platforms that a study is compared with: published rows, and rows of the same network in its run folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from accel_models.platforms import Platform, dumps, load, published
from dse.errors import UserError
from dse.files import read_text, write_whole
from dse.results.snapshot import Snapshot

FILE = "platforms.toml"


def keep(folder: Path, path: Path, networks: Collection[str]) -> None:
    """Take the rows of a file into a study's run folder, where its report finds them.

    Raises:
        UserError: If the file cannot be read, or no row of it ran one of the study's networks.
    """
    write_whole(folder / FILE, dumps(check(path, networks)))


def check(path: Path, networks: Collection[str]) -> tuple[Platform, ...]:
    """Return the rows of a file.

    Raises:
        UserError: If it cannot be read, or none of them ran one of the networks.
    """
    read_text(path)
    rows = load(path)
    if not any(row.network in networks for row in rows):
        names, wanted = ", ".join(sorted({row.network for row in rows})), ", ".join(networks)
        raise UserError(f"{path}: rows of {names}: must have one of {wanted}, as `measure` writes")
    return rows


def own(study: Snapshot) -> tuple[Platform, ...]:
    """Return the rows that were taken into the run folder."""
    path = study.folder / FILE
    return load(path) if path.exists() else ()


def of_network(study: Snapshot) -> list[Platform]:
    """Return the rows that ran the study's only network at its size, published ones too; no peaks."""
    names = networks(study)
    if len(names) != 1:
        return []
    name, size = names[0]
    return [row for row in (*published(), *own(study)) if not row.peak and ran(row, name, size)]


def networks(study: Snapshot) -> list[tuple[str, int]]:
    """Return each network of a study as platforms call it, and its size; 0 of a task's, which has but one."""
    found = [(str(of["network"]), int(of["size"])) for of in study.study.networks.values()]
    return found or [(study.file.task.name, 0)]


def ran(row: Platform, network: str, size: int) -> bool:
    """Whether a row is of a network at a size, or a peak, which holds for all."""
    return row.runs(network, size) or (not size and row.network == network)
