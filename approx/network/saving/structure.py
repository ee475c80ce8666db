"""How a program is called and what it returns, as JSON, and back."""

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from approx.network.caches import HOME as CACHES
from approx.network.caches import Form, Leaf, put_together, register_caches
from approx.network.saving.arguments import decode, encode, identifier

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
    if isinstance(spec.context, Form):
        return {"list": children, "form": form_json(spec.context)}
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
    example = _example(stated)
    register_caches()
    return pytree.tree_structure(example)


def _keyed(keys: Any, children: list[Any]) -> dict[str, Any]:
    if not all(isinstance(key, str) for key in keys):
        raise ValueError(f"dict with keys {list(keys)[:4]!r}: must have texts as keys to be saved")
    return dict(zip(keys, children, strict=True))


def form_json(value: Any) -> Any:
    """A cache's form.

    Raises:
        ValueError: a class is none of transformers' caches and their layers, or a setting is no plain value.
    """
    if isinstance(value, Leaf):
        return {"leaf": True}
    if isinstance(value, list):
        return [form_json(item) for item in value]
    if isinstance(value, dict):
        return {"items": [[encode(key), form_json(item)] for key, item in value.items()]}
    if isinstance(value, type):
        return {"class": _cache_class(value.__name__).__name__}
    if isinstance(value, Form):
        kind = _cache_class(value.kind.__name__)
        return {"kind": kind.__name__, "form": {n: form_json(item) for n, item in value.attributes.items()}}
    return {"value": encode(value)}


def form(stated: Any) -> Any:
    """The form that `form_json` wrote."""
    if isinstance(stated, list):
        return [form(item) for item in stated]
    kind, content = next(iter(stated.items()))
    if kind == "leaf":
        return Leaf()
    if kind == "items":
        return {decode(key, {}): form(item) for key, item in content}
    if kind == "class":
        return _cache_class(content)
    if kind == "value":
        return decode(content, {})
    return Form(_cache_class(content), {str(name): form(item) for name, item in stated["form"].items()})


def _cache_class(name: Any) -> type:
    """A cache or a layer of one by its name, of those that transformers has and of no others."""
    from transformers import cache_utils

    kind = vars(cache_utils).get(name)
    known = (cache_utils.Cache, cache_utils.CacheLayerMixin)
    if not (isinstance(kind, type) and issubclass(kind, known)):
        raise ValueError(f"cache class {str(name)[:80]!r}: must be one of {CACHES}")
    return kind


def _is_model_output(kind: Any) -> bool:
    from transformers.utils.generic import ModelOutput

    return isinstance(kind, type) and issubclass(kind, ModelOutput)


def _example(stated: Any) -> Any:
    if stated is None:
        return torch.empty(0)
    kind, parts = next(iter(stated.items()))
    if "form" in stated:
        return put_together([_example(part) for part in parts], form(stated["form"]))
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
