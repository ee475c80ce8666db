"""`neuralmatrix doctor`: what is installed here, and what each missing part would give."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from dse.cli.console import output

GIVES = {
    "torch": "converting and scoring networks",
    "transformers": "the digits tasks, and Hugging Face models",
    "scikit-learn": "the digits data",
    "optuna": "searching",
    "matplotlib": "pareto.png and `neuralmatrix plot`",
    "plotly": "the interactive front in report.html",
}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Show what is installed here and what each part gives; exit status 1 if a needed one is missing."""
    needed = [*_packages(), _accelerator(), _cache(), ("SQLite", sqlite3.sqlite_version, "keeping trials")]
    optional = list(_optional())
    if as_json:
        print(json.dumps({part: found for part, found, _ in [*needed, *optional]}))
    else:
        _show(needed, optional)
    if not all(found for _, found, _ in needed):
        raise typer.Exit(1)


def _show(needed: Sequence[tuple[str, str | None, str]], optional: Sequence[tuple[str, str, str]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("part", "found", "gives"):
        table.add_column(heading)
    for part, found, gives in needed:
        table.add_row(part, found or "[red]missing[/red]", gives)
    for part, found, gives in optional:
        table.add_row(part, found, gives, style="dim" if found.startswith("none: ") else "")
    output().print(table)


def _optional() -> Iterator[tuple[str, str, str]]:
    """What the toolkit does without; missing parts say in full what is missing."""
    from accel_models import mapper
    from accel_models.backends.timeloop import TimeloopError, find
    from dse.about import version
    from dse.errors import UserError
    from dse.measuring.power import Nvml, Rapl

    try:
        said = find(needs=("timeloop-model", "timeloop-mapper", "accelergy")).describe()
    except TimeloopError as error:
        said = f"none: {error.line.removeprefix('timeloop: ')}"
    yield "Timeloop", said, '`run --verify timeloop`, evaluate(backend="timeloop")'
    built = "built" if mapper.NATIVE else "none: not built, no C compiler was found when this was installed"
    yield "C mapper", built, "the same mappings hundreds of times faster"
    yield "pyarrow", version("pyarrow") or "none: the extra parquet has it", "trials.parquet"
    for name, meter, gives in (("RAPL", Rapl, "power of this CPU"), ("NVML", Nvml, "power of an NVIDIA GPU")):
        try:
            meter()
            said = "readable"
        except UserError as error:
            said = f"none: {error}"
        yield name, said, f"{gives} in `measure`"


def _packages() -> Iterator[tuple[str, str | None, str]]:
    from dse.about import version

    yield "neuralmatrix", version("neuralmatrix"), "this"
    for package, gives in GIVES.items():
        yield package, version(package), gives


def _accelerator() -> tuple[str, str, str]:
    import torch

    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none: the CPU is used"
    return "GPU", name, "nothing yet: scoring runs on the CPU"


def _cache() -> tuple[str, str, str]:
    from approx.folders import cache_folder

    folder = cache_folder()
    free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    return "cache folder", f"{folder} ({free / 1e9:.0f} GB free)", "keeping trained networks"
