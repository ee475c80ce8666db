"""The networks by name."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from typing import Any

from approx.zoo import build, folder
from approx.zoo.full_size import FullSize
from approx.zoo.kinds import KINDS


def _read() -> dict[str, FullSize]:
    rows = tomllib.loads(files("approx.zoo").joinpath("networks.toml").read_text(encoding="utf-8"))
    return {name: _network(row) for name, row in rows.items()}


def _network(row: Mapping[str, Any]) -> FullSize:
    given = (row["class"], row.get("config", {}))
    make, config = partial(build.network, *given), partial(build.config, *given)
    return KINDS[row["kind"]].network(row["title"], make, config, row["size"])


NETWORKS: Mapping[str, FullSize] = _read()
"""By name."""


def find(name: str) -> FullSize:
    """Return a network by its name, or by the path of a folder of Hugging Face that holds a `config.json`.

    Raises:
        ValueError: If there is none of that name, or the folder's network is none that can be made.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    if folder.is_one(name):
        return folder.network(name)
    near = difflib.get_close_matches(name, NETWORKS, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ValueError(
        f"network = {name}: must be one of {', '.join(NETWORKS)}, or a folder with a config.json{hint}"
    )
