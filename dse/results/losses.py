"""What quality is lost to widths, to tables, and to both: the best trial of each width taken apart."""

from __future__ import annotations

from typing import Any

from dse.metrics import QUALITY
from dse.record import update
from dse.results import Results
from dse.score import Network
from dse.space.widths import widths


def record(study: Results, network: Network) -> None:
    """Score the best trial of each data width by tables alone, by widths alone, and by both."""
    before = {row["trial"]: row for row in study.record.losses}
    rows = []
    for number in _best(study):
        own = study.records()[number]
        chosen = widths(own.design)
        found = before.get(number) or {
            "trial": number,
            "widths": chosen,
            "scores": network.losses(own.tables, chosen),
        }
        rows.append(found)
    update(study.optuna, losses=rows)


def _best(study: Results) -> list[int]:
    """The finished trial of best quality of each data width, in the order of the study file."""
    figure = quality(study)
    trials = study.trials()
    done = trials[trials.state == "complete"]
    every = study.records()
    formats = {n: every[n].design["data_width"] for n in done.number}
    order = done.assign(data=done.number.map(formats), score=done[figure] * study.figures[figure].sign)
    best = order.sort_values("score", ascending=False, kind="stable").drop_duplicates("data")
    axis = list(study.space.design_axes["data_width"])
    return [int(n) for n in best.sort_values("data", key=lambda names: names.map(axis.index)).number]


def quality(study: Results) -> str:
    """The figure of quality that the study searches for, or the first that it has."""
    names = [figure.name for figure in study.objectives if figure in QUALITY]
    return names[0] if names else next(f.name for f in QUALITY if f.name in study.figures)


def shown(study: Results) -> list[dict[str, Any]]:
    """A row each for the report: trial, its arithmetic as text, and what each part loses of the original."""
    figure = quality(study)
    sign = study.figures[figure].sign
    rows = []
    for row in study.record.losses:
        scores = row["scores"].items()
        lost = {part: sign * (study.original[figure] - score[figure]) for part, score in scores}
        rows.append({"trial": row["trial"], "arithmetic": text(row["widths"]), **lost})
    return rows


def text(chosen: dict[str, Any]) -> str:
    """Widths as people write them."""
    words, sums = chosen.get("elementwise_bits"), chosen.get("accumulator_bits")
    stored = f", {words}-bit words" if words else ""
    return f"{chosen['data_width']}{stored}, {sums}-bit accumulators"
