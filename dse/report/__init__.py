"""report.html: one self-contained file about a study, and one that sets studies side by side."""

from dse.report.comparison import compare
from dse.report.render import render

__all__ = ["compare", "render"]
