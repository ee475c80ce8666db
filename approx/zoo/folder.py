"""A network from the `config.json` of a folder: no weights, and no code but the installed packages' own."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from approx.zoo import build
from approx.zoo.full_size import FullSize
from approx.zoo.kinds import KINDS, kind_of

CONFIG = "config.json"
DIFFUSERS = {"UNet2DConditionModel": "diffusion"}
"""Classes of diffusers that are known, with their kinds."""


def is_one(path: str) -> bool:
    """Return whether there is a folder of that path with a configuration."""
    return (Path(path) / CONFIG).is_file()


def contents(path: str) -> str:
    """Return what the folder's configuration states."""
    return (Path(path) / CONFIG).read_text(encoding="utf-8")


def network(path: str) -> FullSize:
    """Return the network that a folder's configuration describes.

    Raises:
        ValueError: If the file is no JSON, or describes no network of the installed packages that is known
            to be called in one of the ways of `kinds`.
    """
    where = Path(path) / CONFIG
    try:
        values = json.loads(where.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{where}: not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{where}: {type(values).__name__}: must be a table of a network's values")
    title = Path(path).resolve().name
    if "_class_name" in values:
        return _of_diffusers(where, title, values)
    return _of_transformers(where, title, values)


def _of_diffusers(where: Path, title: str, values: dict[str, Any]) -> FullSize:
    name = values["_class_name"]
    if name not in DIFFUSERS:
        raise ValueError(f"{where}: _class_name = {name}: must be one of {', '.join(DIFFUSERS)}")
    given = (f"diffusers.{name}", {k: v for k, v in values.items() if not k.startswith("_")})
    make, config = partial(build.network, *given), partial(build.config, *given)
    return KINDS[DIFFUSERS[name]].network(title, make, config)


def _of_transformers(where: Path, title: str, values: dict[str, Any]) -> FullSize:
    name = _architecture(where, values)
    kind = kind_of(build.find(name))
    if kind is None:
        raise ValueError(f"{where}: {name}: is called with other inputs than {', '.join(KINDS)} networks")
    known = {k: v for k, v in values.items() if k not in ("architectures", "auto_map", "model_type")}
    make, config = partial(build.network, name, known), partial(build.config, name, known)
    return KINDS[kind].network(title, make, config)


def _architecture(where: Path, values: dict[str, Any]) -> str:
    """The class's name: the first of `architectures`, or the base class of `model_type`.

    Code that `auto_map` points to is never run: a class that transformers itself lacks is refused.
    """
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = str(values.get("model_type"))
    named = next(iter(values.get("architectures") or ()), None)
    if isinstance(named, str) and isinstance(build.find(named), type):
        return named
    if kind in CONFIG_MAPPING:
        base: Any = transformers.MODEL_MAPPING.get(CONFIG_MAPPING[kind], None)
        if isinstance(base, type):
            return base.__name__
    own = "; its own code is not run" if "auto_map" in values else ""
    raise ValueError(
        f"{where}: architectures = {named}, model_type = {kind}: "
        f"transformers {transformers.__version__} has neither{own}"
    )
