"""How an optional part of this toolkit is installed: the command that works for the way it was installed."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from urllib.parse import unquote, urlsplit

NAME = "neuralmatrix"


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra, such as `pip install -e '/src/neuralmatrix[minilm]'`.

    A toolkit that was installed from a folder is on no index: the command names that folder (PEP 610).
    """
    try:
        origin = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    url = urlsplit(str(origin.get("url", "")))
    if url.scheme != "file":
        return f"pip install '{NAME}[{extra}]'"
    editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
    return f"pip install {editable}'{unquote(url.path)}[{extra}]'"
