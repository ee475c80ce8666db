"""The figures a trial is scored with: their names, units and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One figure of a trial.

    Attributes:
        name: Its key in trials, tables and study files.
        label: What it is, for axes and headings.
        unit: Its unit; empty for shares and counts.
        better: Which way a search pushes it.
    """

    name: str
    label: str
    unit: str
    better: Literal["higher", "lower"]

    @property
    def heading(self) -> str:
        """Label and unit, as on an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction of a search, in Optuna's words."""
        return "maximize" if self.better == "higher" else "minimize"

    @property
    def sign(self) -> int:
        """+1 where higher is better, else -1: multiplied by it, higher is always better."""
        return 1 if self.better == "higher" else -1


QUALITY = (
    Metric("accuracy", "Accuracy", "", "higher"),
    Metric("fidelity", "Fidelity to the original", "", "higher"),
    Metric("agreement", "Agreement with the original", "", "higher"),
    Metric("kl_divergence", "KL divergence from the original", "nat", "lower"),
    Metric("cosine", "Cosine to the original's embeddings", "", "higher"),
)
"""How good the network still is; these depend on the tables only, never on the hardware.

A classifier has all but the last, a network whose outputs are embeddings has the last alone."""

HARDWARE = (
    Metric("throughput_per_watt", "Throughput per watt", "inferences/J", "higher"),
    Metric("throughput", "Throughput", "inferences/s", "higher"),
    Metric("latency_s", "Latency", "s", "lower"),
    Metric("energy_j", "Energy per batch", "J", "lower"),
    Metric("power_w", "Power", "W", "lower"),
    Metric("area_mm2", "Area", "mm\N{SUPERSCRIPT TWO}", "lower"),
    Metric("cycles", "Cycles per batch", "", "lower"),
    Metric("utilisation", "Utilisation of the array", "", "higher"),
)
"""What the accelerator model says of a design that runs the network."""

METRICS: Mapping[str, Metric] = {figure.name: figure for figure in QUALITY + HARDWARE}
