"""What a study was run with: enough to run it again."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from dse.storage import without_password

PACKAGES = ("neuralmatrix", "torch", "transformers", "optuna", "numpy", "scipy", "pandas")


GIT_SECONDS = 10
"""How long git may take to look at a folder."""


def describe(folder: Path | None = None) -> dict[str, str]:
    """Return versions, machine and time, and the commit of the folder that the study file lies in."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["neuralmatrix", *map(without_password, sys.argv[1:])])
        if sys.argv[0].endswith("neuralmatrix")
        else "dse.run",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        **{name: version(name) or "not installed" for name in PACKAGES},
        **(_commit(folder) if folder else {}),
    }


def _commit(folder: Path) -> dict[str, str]:
    """Return the folder's commit, and whether anything differs from it; nothing where there is no git."""
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    if head is None or changes is None:
        return {}
    return {"git commit": head + (", with changes that are not committed" if changes else "")}


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git answers, or None; it writes nothing, and runs no monitor that the folder names."""
    program = shutil.which("git")
    if program is None:
        return None
    command = [program, "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        ran = subprocess.run(  # noqa: S603 - git, with our own arguments
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None


def version(package: str) -> str | None:
    """Return an installed distribution's version."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
