"""What a study was run with: enough to run it again."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata

from dse.storage.redaction import without_password

PACKAGES = ("neuralmatrix", "torch", "transformers", "optuna", "numpy", "scipy", "pandas")


def describe() -> dict[str, str]:
    """Return versions, machine and time."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["neuralmatrix", *map(without_password, sys.argv[1:])])
        if sys.argv[0].endswith("neuralmatrix")
        else "dse.run",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        **{name: version(name) or "not installed" for name in PACKAGES},
    }


def version(package: str) -> str | None:
    """Return an installed distribution's version."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
