"""What a front is seen beside: the unconverted network, other ways to run the knee, and platforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from accel_models import Design, compare
from dse.metrics import Metric
from dse.results import Results
from dse.results.platforms import of_network
from dse.written import written

Kind = Literal["original", "units", "host", "platform"]

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
        kind: "original", "units" and "host" (the two baselines), or "platform".
        figures: What is known of it, by the figure's name.
    """

    name: str
    kind: Kind
    figures: Mapping[str, float]

    def told(self, figure: Metric) -> str:
        """Return its name and its value of a figure, whose unit is on the axis."""
        return f"{self.name}: {written(figure, self.figures[figure.name])}"


def references(study: Results) -> list[Reference]:
    """Return the unconverted network, the baselines of the knee, and platforms of the network."""
    original = Reference("unconverted network", "original", study.original)
    return [original, *_baselines(study), *platforms(study)]


def platforms(study: Results) -> list[Reference]:
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


def near(found: Iterable[Reference], figure: str, values: pd.Series[float]) -> list[Reference]:
    """Return the references that have a figure which lies among some values, or not far from them.

    A line far away would leave no room for the designs.
    """
    low, high = float(values.min()), float(values.max())
    room = ROOM * ((high - low) or abs(high))
    known = (reference for reference in found if figure in reference.figures)
    return [r for r in known if low - room <= r.figures[figure] <= high + room]


def _baselines(study: Results) -> list[Reference]:
    front = study.pareto()
    if front.empty:
        return []
    record = study.records()[int(front.number[front.knee].iloc[0])]
    ways = compare(Design.from_dict(dict(record.design)), record.load_workload())
    known = {way.name: {n: v for n, v in asdict(way).items() if n != "name"} for way in ways}
    return [Reference(name, kind, known[kind]) for kind, name in WAYS.items()]
