"""Inputs for other tools, for one design of a study: a row a format, a file a format.

A format is a function from the chosen design to files, text or bytes by path inside the output folder. It
does no input or output of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dse.exports import formats
from dse.exports.chosen import Chosen, choose
from dse.exports.scalesim import scalesim
from dse.exports.timeloop import timeloop

Files = Mapping[str, str | bytes]
"""Contents by path, relative to the output folder."""

FORMATS: Mapping[str, Callable[[Chosen], Files]] = {
    "tables": formats.tables,
    "c": formats.c,
    "verilog": formats.verilog,
    "model": formats.model,
    "design": formats.design,
    "timeloop": timeloop,
    "scalesim": scalesim,
}
"""By the names that `neuralmatrix export --format` takes."""

__all__ = ["FORMATS", "Chosen", "Files", "choose"]
