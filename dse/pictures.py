"""A figure as a file's content, or as an element of a page."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

DPI = 200

SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "neuralmatrix",  # the same study gives the same file
    "text.parse_math": False,  # ticks are made only now, and their text is no formula either
}


def picture(figure: Figure, kind: str) -> bytes:
    """Return a figure as a file's content: png, svg or pdf."""
    undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    buffer = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=undated[kind])
    return buffer.getvalue()


def svg(figure: Figure, name: str) -> Markup:
    """Return a figure as an element of a page, where its identifiers begin with a name of its own."""
    text = picture(figure, "svg").decode()
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text[text.index("<svg") :])
    return Markup(text)  # noqa: S704 - matplotlib escapes what it draws
