"""What a front is compared with: the original network, other ways to run the knee, platforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from accel_models import Design, compare
from dse.formatting import formatted
from dse.metrics import Metric
from dse.results.platforms import of_network
from dse.results.snapshot import Snapshot

Kind = Literal["original", "units", "host", "platform", "known"]

WAYS: Mapping[Kind, str] = {
    "units": "knee with dedicated units",
    "host": "knee with a host",
}
"""The baselines of `accel_models.compare`: the knee's array, nonlinear functions on units or on a host."""

ROOM = 0.5
"""How far beyond the trials a reference still gets a line, as a share of what they span."""


@dataclass(frozen=True)
class Reference:
    """Something that designs are compared with.

    Attributes:
        name: What it is.
        kind: "original", "units" and "host" (the two baselines), "known" (a design), or "platform".
        metrics: What is known of it, by the metric's name.
    """

    name: str
    kind: Kind
    metrics: Mapping[str, float]

    def told(self, metric: Metric) -> str:
        """Return its name and its value of a metric."""
        return f"{self.name}: {formatted(metric, self.metrics[metric.name])} {metric.unit}".rstrip()


def references(study: Snapshot) -> list[Reference]:
    """Return the unconverted network, the baselines of the knee, known designs, and platforms."""
    original = Reference("unconverted network", "original", study.original)
    known = [Reference(of["name"], "known", of["metrics"]) for of in study.study.references]
    return [original, *_baselines(study), *known, *platforms(study)]


def platforms(study: Snapshot) -> list[Reference]:
    """Return the platforms that ran the study's network."""
    return [
        Reference(
            row.name,
            "platform",
            {
                "throughput_per_watt": row.per_joule(1.0),
                "throughput": row.per_second(1.0),
                "power_w": row.power_w,
            },
        )
        for row in of_network(study)
    ]


def near(found: Iterable[Reference], metric: str, values: pd.Series[float]) -> list[Reference]:
    """Return the references that have a metric which lies among some values, or not far from them.

    A line far away would leave no room for the designs.
    """
    low, high = float(values.min()), float(values.max())
    room = ROOM * ((high - low) or abs(high))
    known = (reference for reference in found if metric in reference.metrics)
    return [r for r in known if low - room <= r.metrics[metric] <= high + room]


def _baselines(study: Snapshot) -> list[Reference]:
    """Return the other ways to run the knee, of a study of one network."""
    knee = study.knee
    if knee is None or len(workloads := list(study.workloads(knee).values())) != 1:
        return []
    ways = compare(Design.from_dict(dict(knee.design)), workloads[0])
    known = {way.name: {n: v for n, v in asdict(way).items() if n != "name"} for way in ways}
    return [Reference(name, kind, known[kind]) for kind, name in WAYS.items() if kind in known]
