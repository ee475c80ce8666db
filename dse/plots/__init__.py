"""Figures for papers: drawn, returned, never shown or saved. One file a plot.

To add one, write a function of a snapshot and of what is asked for (`Asked`), and name it in `PLOTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure as Drawing

from dse.plots.effects import effects_figure
from dse.plots.front import front_figure
from dse.plots.growth import growth_figure
from dse.plots.ratios import ratios_figure
from dse.plots.style import Asked
from dse.results import Snapshot

Plot = Callable[[Snapshot, Asked], Drawing]

PLOTS: Mapping[str, Plot] = {
    "front": front_figure,
    "growth": growth_figure,
    "effects": effects_figure,
    "ratios": ratios_figure,
}
"""By the names that `neuralmatrix plot --kind` takes. Each draws a study without a finished trial too."""

WITH_AXES = ("front",)
"""Plots whose axes can be chosen."""

__all__ = ["PLOTS", "WITH_AXES", "Asked", "Plot"]
