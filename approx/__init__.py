"""Networks as matrix operations: CPWL tables, conversion, and the accuracy that is left.

The names are loaded on first use, so that `approx.cpwl` needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from approx.cpwl import CpwlTable, Density, fit
    from approx.network import (
        Approximation,
        Certificate,
        ConvertedModule,
        Layer,
        MatrixProgram,
        Numerics,
        QualityWarning,
        Site,
        UnsupportedOperator,
        convert,
        load,
        trace,
    )
    from approx.tasks import Batch, Fidelity, Task, accuracy, fidelity, finetune

_HOMES = {
    "approx.cpwl": ("CpwlTable", "Density", "fit"),
    "approx.network": (
        "Approximation",
        "Certificate",
        "ConvertedModule",
        "Layer",
        "MatrixProgram",
        "Numerics",
        "QualityWarning",
        "Site",
        "UnsupportedOperator",
        "convert",
        "load",
        "trace",
    ),
    "approx.tasks": ("Batch", "Fidelity", "Task", "accuracy", "fidelity", "finetune"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Approximation",
    "Batch",
    "Certificate",
    "ConvertedModule",
    "CpwlTable",
    "Density",
    "Fidelity",
    "Layer",
    "MatrixProgram",
    "Numerics",
    "QualityWarning",
    "Site",
    "Task",
    "UnsupportedOperator",
    "accuracy",
    "convert",
    "fidelity",
    "finetune",
    "fit",
    "load",
    "trace",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its room on first use (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'approx' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
