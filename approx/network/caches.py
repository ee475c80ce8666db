"""Caches of transformers as containers: their tensors are inputs and results like any other.

A cache is an object of layers; a layer has tensors (keys, values, states) and plain settings. The tensors are
its leaves, all else is its form, which a program is traced with.
"""

import itertools
import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

HOME = "transformers.cache_utils"
_ECHOES = {"batch_size"}
"""Settings that repeat a size of the layer's tensors, which is checked there."""


@dataclass(frozen=True)
class Leaf:
    """A place for a tensor."""


@dataclass(frozen=True, eq=False)
class Form:
    """An object without its tensors.

    Attributes:
        kind: the object's class.
        attributes: its attributes: plain values, `Leaf`, `Form`, and lists and dicts of these.
    """

    kind: type
    attributes: dict[str, Any]

    def __eq__(self, other: object) -> bool:
        """Whether both are of one class and one form."""
        return isinstance(other, Form) and self.kind is other.kind and self._compared() == other._compared()

    def __hash__(self) -> int:
        """Forms of one class fall together."""
        return hash(self.kind)

    def _compared(self) -> dict[str, Any]:
        return {name: value for name, value in self.attributes.items() if name not in _ECHOES}


def register_caches() -> None:
    """Let torch's trees take caches apart, if transformers is in use."""
    home = sys.modules.get(HOME)
    for kind in [] if home is None else _descendants(home.Cache):
        if kind not in pytree.SUPPORTED_NODES:
            pytree.register_pytree_node(
                kind,
                taken_apart,
                put_together,
                serialized_type_name=f"{kind.__module__}.{kind.__qualname__}",
                flatten_with_keys_fn=_with_keys,
            )


def holds_cache(tree: Any) -> bool:
    """Whether a container holds a cache, or is one."""
    home = sys.modules.get(HOME)
    if home is None:
        return False
    found = pytree.tree_leaves(tree, is_leaf=lambda node: isinstance(node, home.Cache))
    return any(isinstance(leaf, home.Cache) for leaf in found)


def _descendants(kind: type) -> list[type]:
    return [kind, *itertools.chain.from_iterable(map(_descendants, type.__subclasses__(kind)))]


def taken_apart(cache: Any) -> tuple[list[Any], Form]:
    """The cache's tensors, and its form."""
    found: list[tuple[str, Any]] = []
    form = _form(cache, found, "")
    return [tensor for _, tensor in found], form


def put_together(tensors: Any, form: Any) -> Any:
    """A cache of that form."""
    return _object(form, iter(tensors))


def _with_keys(cache: Any) -> tuple[list[tuple[Any, Any]], Form]:
    found: list[tuple[str, Any]] = []
    form = _form(cache, found, "")
    return [(_Path(path), tensor) for path, tensor in found], form


@dataclass(frozen=True)
class _Path:
    """Where a tensor lies in a cache, as torch prints it."""

    path: str

    def __str__(self) -> str:
        return self.path


def _form(value: Any, found: list[tuple[str, Any]], path: str) -> Any:
    if isinstance(value, torch.Tensor | torch.SymInt):
        found.append((path, value))
        return Leaf()
    if isinstance(value, list | tuple):
        return [_form(item, found, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: _form(item, found, f"{path}[{key!r}]") for key, item in value.items()}
    if not isinstance(value, type) and type(value).__module__.startswith("transformers.") and _is_part(value):
        attributes = {name: _form(item, found, f"{path}.{name}") for name, item in vars(value).items()}
        return Form(type(value), attributes)
    return value


def _is_part(value: Any) -> bool:
    """Whether an object is a cache or a layer of one, whose tensors are leaves."""
    home = sys.modules[HOME]
    kinds = [home.Cache, home.CacheLayerMixin, getattr(home, "LinearAttentionCacheLayerMixin", home.Cache)]
    return isinstance(value, tuple(kinds))


def _object(form: Any, tensors: Any) -> Any:
    if isinstance(form, Leaf):
        return next(tensors)
    if isinstance(form, list):
        return [_object(item, tensors) for item in form]
    if isinstance(form, dict):
        return {key: _object(item, tensors) for key, item in form.items()}
    if not isinstance(form, Form):
        return form
    kind: Any = form.kind
    made = kind.__new__(kind)
    made.__dict__.update({name: _object(item, tensors) for name, item in form.attributes.items()})
    return made
