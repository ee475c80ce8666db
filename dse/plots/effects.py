"""Which parameters matter: the share of each objective's variance that a parameter explains."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import PercentFormatter

from dse.plots.style import FRONT, LITERAL, Asked, nothing
from dse.results import Snapshot
from dse.results.effects import RANKED, effects

ROW_INCHES, AROUND_INCHES = 0.22, 0.75


@mpl.rc_context(LITERAL)
def effects_figure(study: Snapshot, asked: Asked) -> Drawing:
    """Draw the largest main effects on each objective as bars."""
    found = effects(study)
    if not found:
        return nothing(asked.width, f"{study.name}: no effects are known")
    longest = max(len(own.shares) for own in found[:1] + found)
    height = len(found) * (min(longest, RANKED) * ROW_INCHES + AROUND_INCHES)
    drawing = Drawing(figsize=(asked.width, height), layout="constrained")
    panels = drawing.subplots(len(found), squeeze=False)[:, 0]
    for axes, own in zip(panels, found, strict=True):
        names, shares = list(own.shares), list(own.shares.values())
        axes.barh(range(len(names)), shares, color=FRONT, height=0.7)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.invert_yaxis()
        axes.set_title(f"{study.name}: variance of {own.metric.label.lower()}", fontsize=9, loc="left")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol="%"))
        axes.tick_params(labelsize=8)
        axes.set_xlim(0, 1)
        axes.grid(visible=True, axis="x", linewidth=0.4, color="#dddddd")
        axes.set_axisbelow(True)
    return drawing
