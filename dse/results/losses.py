"""What quality is lost to widths, to tables, and to both: the best trial of each width taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dse.evaluate import Network, apart
from dse.metrics import METRICS, QUALITY
from dse.results.snapshot import Snapshot
from dse.space.widths import widths


def losses(study: Snapshot, network: Network) -> list[Mapping[str, Any]]:
    """Score the best trial of each data width by tables alone, by widths alone, and by both.

    Returns:
        A row a trial: `trial`, `widths` and `scores`, each way's metrics by its name. Those that the study
        has are not scored again.
    """
    before = {row["trial"]: row for row in study.study.losses}
    rows: list[Mapping[str, Any]] = []
    for number in _best(study):
        own = study.records[number]
        chosen = widths(own.design)
        rows.append(
            before.get(number)
            or {
                "trial": number,
                "widths": chosen,
                "scores": {
                    **apart(network, own.tables, chosen),
                    "both": {name: own.metrics[name] for name in network.original},
                },
            }
        )
    return rows


def _best(study: Snapshot) -> list[int]:
    """The finished trial of best quality of each data width, in the order of the study file."""
    metric, done = METRICS[quality(study)], study.done
    formats = {n: study.records[n].design["data_width"] for n in done.number}
    order = done.assign(data=done.number.map(formats), score=done[metric.name] * metric.sign)
    best = order.sort_values("score", ascending=False, kind="stable").drop_duplicates("data")
    axis = list(study.file.design_axes["data_width"])
    return [int(n) for n in best.sort_values("data", key=lambda names: names.map(axis.index)).number]


def quality(study: Snapshot) -> str:
    """The metric of quality that the study searches for, or the first that it has."""
    names = [metric.name for metric in study.objectives if metric in QUALITY]
    return names[0] if names else next(metric.name for metric in QUALITY if metric.name in study.metrics)


def shown(study: Snapshot) -> list[dict[str, Any]]:
    """A row each for the report: trial, its arithmetic as text, and what each part loses of the original."""
    rows = []
    for row in study.study.losses:
        metric = METRICS[quality(study)]
        lost = {
            part: metric.sign * (study.original[metric.name] - score[metric.name])
            for part, score in row["scores"].items()
        }
        rows.append({"trial": row["trial"], "arithmetic": text(row["widths"]), **lost})
    return rows


def text(chosen: dict[str, Any]) -> str:
    """Widths as people write them."""
    words, sums = chosen.get("elementwise_bits"), chosen.get("accumulator_bits")
    stored = f", {words}-bit words" if words else ""
    return f"{chosen['data_width']}{stored}, {sums}-bit accumulators"
