"""What the report's card of a design shows; cycles and joules come from the accelerator model anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel_models import Comparison, CostReport, Design, Workload, compare, evaluate
from dse.formatting import formatted, with_prefix
from dse.metrics import METRICS
from dse.record import TrialRecord
from dse.report.curves import Curves
from dse.results import Snapshot
from dse.results.references import platforms

CARDS = 24
"""Designs of the front that get a card; more would make a long page longer."""

LAYERS, FEWER = 12, 4
"""Operations that a card lists, those that take most energy; of each of several networks, fewer."""

WAYS = {
    "array": "all on the array, as tables",
    "units": "tables replaced by dedicated units",
    "host": "nonlinear functions on a host",
}
"""The ways to run a network that are compared, see `accel_models.compare`."""


def cards(study: Snapshot, curves: Curves) -> list[dict[str, Any]]:
    """Return a card each for designs of the front: all, or the knee and others evenly along it.

    Args:
        study: The study.
        curves: Draws the functions of the designs.
    """
    front = study.front
    step = max(1, -(-len(front) // CARDS))
    chosen = front[(front.index % step == 0) | front.knee]
    return [_card(study, study.records[int(number)], curves) for number in chosen.number]


def _card(study: Snapshot, own: TrialRecord, curves: Curves) -> dict[str, Any]:
    design, workloads = Design.from_dict(dict(own.design)), study.workloads(own)
    titles = {name: of["title"] for name, of in study.study.networks.items()}
    most = LAYERS if len(workloads) < 2 else FEWER
    return {
        "number": own.number,
        "label": study.label(own.number),
        "design": own.design,
        "tables": own.tables,
        "curves": curves.of(own.tables, design),
        "figures": [(m.label, formatted(m, own.metrics[name]), m.unit) for name, m in study.metrics.items()],
        "networks": [
            _network(titles.get(name) or name, design, workload, most) for name, workload in workloads.items()
        ],
        "platforms": [
            (row.name, own.metrics["throughput_per_watt"] / row.metrics["throughput_per_watt"])
            for row in platforms(study)
        ],
    }


def _network(title: str, design: Design, workload: Workload, most: int) -> dict[str, Any]:
    """Return what a card shows of one network on the design."""
    report = evaluate(design, workload)
    shown = ("latency_s", "energy_j", "throughput_per_watt", "utilisation")
    return {
        "title": title,
        "figures": [
            (METRICS[n].label, formatted(METRICS[n], getattr(report, n)), METRICS[n].unit) for n in shown
        ],
        "energy": _shares(report.energy_parts, lambda value: with_prefix(value, "J")),
        "area": _shares(report.area_parts, lambda value: f"{value:.3g} mm\N{SUPERSCRIPT TWO}"),
        "kinds": _by_kind(report),
        "ways": _ways(compare(design, workload)),
        "layers": _layers(report, most),
    }


def _shares(parts: dict[str, float], write: Callable[[float], str]) -> list[dict[str, Any]]:
    total = sum(parts.values()) or 1.0
    ordered = sorted(parts.items(), key=lambda item: -item[1])
    return [{"name": n, "share": v / total, "value": write(v)} for n, v in ordered if v > 0]


def _by_kind(report: CostReport) -> list[dict[str, Any]]:
    sums = (
        report.layers.groupby("kind")[["cycles", "energy_j"]].sum().sort_values("energy_j", ascending=False)
    )
    total = sums.sum()
    return [
        {"kind": kind, "cycles": row.cycles / total.cycles, "energy": row.energy_j / total.energy_j}
        for kind, row in sums.iterrows()
    ]


def _ways(compared: list[Comparison]) -> list[dict[str, Any]]:
    """Return the design's cost and that of the two baselines, with the gain of tables over each."""
    per_watt, area = METRICS["throughput_per_watt"], METRICS["area_mm2"]
    own = compared[0].throughput_per_watt
    return [
        {
            "way": WAYS.get(way.name, way.name),
            "per_watt": formatted(per_watt, way.throughput_per_watt),
            "gain": own / way.throughput_per_watt,
            "latency": with_prefix(way.latency_s, "s"),
            "area": formatted(area, way.area_mm2),
        }
        for way in compared
    ]


def _layers(report: CostReport, most: int) -> list[dict[str, Any]]:
    rows = report.layers.sort_values("energy_j", ascending=False).head(most).to_dict("records")
    return [
        {
            "name": row["name"],
            "kind": row["kind"],
            "shape": f"{row['m']}×{row['k']} @ {row['k']}×{row['n']}" if row["m"] else f"{row['elements']:,}",
            "cycles": f"{row['cycles']:,.0f}",
            "cycles_share": row["cycles"] / report.cycles,
            "energy": with_prefix(row["energy_j"], "J"),
            "energy_share": row["energy_j"] / report.energy_j,
            "utilisation": row["utilisation"],
            "bound": row["bound"],
        }
        for row in rows
    ]
