"""How a program is called and what it returns, as JSON, and back."""

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from approx.network.saving.arguments import identifier

_HOME = "transformers.modeling_outputs"
_KINDS = {kind.name: kind for kind in inspect._ParameterKind}


def structure_json(spec: pytree.TreeSpec) -> Any:
    """A nest of containers; None stands for a leaf.

    Raises:
        ValueError: a container is neither a tuple, list, dict (or a class of them) nor ModelOutput.
    """
    if spec.is_leaf():
        return None
    children = [structure_json(child) for child in spec.children()]
    kind = spec.type
    if kind is tuple or (isinstance(kind, type) and issubclass(kind, tuple)):
        return {"tuple": children}
    if kind is list:
        return {"list": children}
    if kind in (dict, OrderedDict):
        return {"dict": _keyed(spec.context, children)}
    if _is_model_output(kind):
        fields = _keyed(spec.context, children)
        known = kind.__module__ == _HOME
        return {"ModelOutput": fields, "class": kind.__name__} if known else {"dict": fields}
    if isinstance(kind, type) and issubclass(kind, dict):  # a library's own output, loaded as a plain dict
        return {"dict": _keyed(spec.context, children)}
    raise ValueError(f"{kind}: must be a tensor, tuple, list, dict or ModelOutput to be saved")


def structure(stated: Any) -> pytree.TreeSpec:
    """The nest that `structure_json` wrote.

    Raises:
        ValueError: a class is not one of transformers' model outputs.
    """
    return pytree.tree_structure(_example(stated))


def _keyed(keys: Any, children: list[Any]) -> dict[str, Any]:
    if not all(isinstance(key, str) for key in keys):
        raise ValueError(f"dict with keys {list(keys)[:4]!r}: must have texts as keys to be saved")
    return dict(zip(keys, children, strict=True))


def _is_model_output(kind: Any) -> bool:
    from transformers.utils.generic import ModelOutput

    return isinstance(kind, type) and issubclass(kind, ModelOutput)


def _example(stated: Any) -> Any:
    if stated is None:
        return torch.empty(0)
    kind, parts = next(iter(stated.items()))
    if kind == "tuple":
        return tuple(_example(part) for part in parts)
    if kind == "list":
        return [_example(part) for part in parts]
    items = {key: _example(part) for key, part in parts.items()}
    return items if kind == "dict" else _model_output(stated["class"])(**items)


def _model_output(name: str) -> Any:
    """The class of that name, of those that transformers lists for the purpose and of no others."""
    from transformers import modeling_outputs

    kind = vars(modeling_outputs).get(name)
    if not _is_model_output(kind):
        raise ValueError(f"output class {str(name)[:80]!r}: must be one of {_HOME}")
    return kind


def signature_json(signature: inspect.Signature) -> list[dict[str, Any]]:
    """The parameters of a forward; a default that is no plain value becomes None."""
    return [_parameter_json(p) for p in signature.parameters.values()]


def _parameter_json(parameter: inspect.Parameter) -> dict[str, Any]:
    stated: dict[str, Any] = {"name": parameter.name, "kind": parameter.kind.name}
    if parameter.default is not parameter.empty:
        plain = isinstance(parameter.default, bool | int | str)
        stated["default"] = parameter.default if plain else None
    return stated


def signature(stated: list[Mapping[str, Any]]) -> inspect.Signature:
    """The parameters that `signature_json` wrote."""
    return inspect.Signature(
        [
            inspect.Parameter(
                identifier(p["name"]), _KINDS[p["kind"]], default=p.get("default", inspect.Parameter.empty)
            )
            for p in stated
        ]
    )
