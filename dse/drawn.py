"""A figure as a file's content."""

from __future__ import annotations

import io

import matplotlib as mpl
from matplotlib.figure import Figure

DPI = 200


def drawn(figure: Figure, kind: str) -> bytes:
    """Return a figure as a file's content: png, svg or pdf."""
    undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "neuralmatrix"}):  # the same study gives the same file
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=undated[kind])
    return buffer.getvalue()
