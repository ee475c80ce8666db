"""Which parameters matter: the share of an objective's variance that each explains.

Of hardware it is exact, over every design of the grid; of quality it is that of the search's model of the
loss, over all choices of tables. The few designs that a search records, all of them good, would tell
something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dse.metrics import HARDWARE, Metric
from dse.results.snapshot import Snapshot

RANKED = 8
"""Parameters that are shown of each objective."""


@dataclass(frozen=True)
class Effect:
    """The parameters of one objective.

    Attributes:
        metric: The objective.
        shares: Of its variance, by parameter, the largest first.
        of: What the variance is over.
    """

    metric: Metric
    shares: Mapping[str, float]
    of: str


def effects(study: Snapshot) -> list[Effect]:
    """Return the main effects on each objective; those that are not known are left out."""
    known = study.study.effects
    return [
        Effect(metric, dict(list(known[metric.name].items())[:RANKED]), _of(study, metric))
        for metric in study.objectives
        if known.get(metric.name)
    ]


def _of(study: Snapshot, metric: Metric) -> str:
    if metric not in HARDWARE:
        return "all choices of tables, as the search's model of the loss has them"
    if study.swept:
        return (
            f"all {study.swept:,} designs"
            if study.file.enumerated
            else f"{study.swept:,} designs of a search"
        )
    return "all designs of the grid, with the tables of the knee"
