"""report.html: one self-contained file about a study."""

from dse.report.render import render

__all__ = ["render"]
