"""How the front grew, trial by trial."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import PercentFormatter

from dse.plots.style import FRONT, LITERAL, Asked, nothing
from dse.results import Snapshot
from dse.results.growth import growth


@mpl.rc_context(LITERAL)
def growth_figure(study: Snapshot, asked: Asked) -> Drawing:
    """Draw the share of the final hypervolume that the first trials reached."""
    rows = growth(study)
    if not rows:
        return nothing(asked.width, f"{study.name}: no growth to draw")
    drawing = Drawing(figsize=(asked.width, 0.55 * asked.width), layout="constrained")
    axes = drawing.subplots()
    axes.step(*zip(*rows, strict=True), where="post", color=FRONT, linewidth=1.4)
    axes.set_xlabel("finished trials", fontsize=9)
    axes.set_ylabel("share of the final hypervolume", fontsize=9)
    axes.set_title(study.name, fontsize=9, loc="left")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol="%"))
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, linewidth=0.4, color="#dddddd")
    return drawing
