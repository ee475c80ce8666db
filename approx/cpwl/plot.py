"""A picture of a table: function, approximation and error curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from approx.cpwl.measure import signed_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from approx.cpwl.table import CpwlTable


def plot(table: CpwlTable, path: str | None = None) -> Figure:
    """Draw function and approximation with its knots above, the error over the domain below.

    Args:
        table: The table.
        path: Where to save the figure, in the format of its suffix; not saved if None.
    """
    from matplotlib.figure import Figure

    lo, hi = table.domain
    inside = table.knots[(table.knots >= lo) & (table.knots < hi)]
    x = np.unique(np.concatenate((np.linspace(lo, hi, 4001)[:-1], inside)))
    target = table.target()
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    above.plot(x, target.function(x), color="0.6", linewidth=3, label=table.function)
    # The edge segments may run on outside the domain until they meet an asymptote.
    above.plot(table.knots, table.values, color="C0", linewidth=1, marker="o", markersize=3)
    above.lines[-1].set_label(f"{table.segments} segments")
    above.legend()
    above.set_title(f"{table.function}: {table.placement} placement, {table.bias} bias")
    below.plot(x, signed_error(target, table, x), color="C3", linewidth=1)
    below.axhline(0.0, color="0.6", linewidth=0.5)
    below.set_ylabel(f"{table.error} error")
    below.set_xlabel("x")
    if lo > 0 and hi / lo > 100:
        below.set_xscale("log")
    if path is not None:
        figure.savefig(path)
    return figure
