"""How metrics are written for people, in tables of a terminal and of the report alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accel_models import Design
from dse.metrics import Metric

FORMATS: Mapping[str, str] = {
    "accuracy": "{:.1%}",
    "agreement": "{:.1%}",
    "utilisation": "{:.1%}",
    "fidelity": "{:.6f}",
    "cosine": "{:.6f}",
    "kl_divergence": "{:.2e}",
}
"""Formats of single figures; the others are written with four significant digits."""

PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "\N{MICRO SIGN}"), (1e-9, "n"))
"""SI prefixes, from the largest."""


def formatted(figure: Metric, value: float) -> str:
    """Write a figure's value, without its unit; NaN is written as nothing."""
    if value != value:
        return ""
    if figure.name in FORMATS:
        return FORMATS[figure.name].format(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def field_value(field: str, value: Any) -> str:
    """Write the value of a Design's field with its unit."""
    unit = getattr(Design.rules()[field], "unit", "")
    if unit == "bytes" and value % 1024 == 0:
        return f"{value // 1024} KiB"
    if unit in ("Hz", "bytes/s"):
        return with_prefix(value, unit.replace("bytes", "B"))
    return f"{value} {unit}".rstrip()


def with_prefix(value: float, unit: str) -> str:
    """Write a quantity with an SI prefix: 1.79e-6 s is `1.79 us`, with the micro sign."""
    for factor, prefix in PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"
