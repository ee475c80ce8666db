"""Which axes of the inputs are free: those that a user names, or those that may be the batch.

To torch.export every free axis is `Dim.AUTO`, so that what the model asks of a size becomes a condition that
is checked at each call. What a `Dim` says beyond that (a name, bounds, being free at all) is `dims`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.export import Dim
from torch.utils import _pytree as pytree

from approx.network.call import Arguments

FreeAxes = list[dict[int, Any]]
"""For each input tensor, its free axes, each with a `Dim`."""


def stated_axes(arguments: Arguments, dynamic_shapes: Any) -> FreeAxes:
    """The axes that `dynamic_shapes` frees, as torch.export has it.

    Args:
        arguments: the example inputs.
        dynamic_shapes: by argument, in a dict or a tuple; for a tensor a dict from axis to `Dim` (or
            `Dim.AUTO`, `Dim.DYNAMIC`), or a tuple with one for each axis; for a container the same inside it.

    Raises:
        ValueError: it does not fit the inputs.
    """
    named = arguments.named()
    if isinstance(dynamic_shapes, tuple | list):
        if len(dynamic_shapes) > len(named):
            raise ValueError(
                f"dynamic_shapes = {len(dynamic_shapes)} entries: must be at most one for each of "
                f"{', '.join(named)}"
            )
        dynamic_shapes = dict(zip(named, dynamic_shapes, strict=False))
    if not isinstance(dynamic_shapes, Mapping):
        raise ValueError(
            f"dynamic_shapes = {type(dynamic_shapes).__name__}: must be a dict by argument or a tuple"
        )
    unknown = set(dynamic_shapes) - set(named)
    if unknown:
        raise ValueError(f"dynamic_shapes = {min(unknown)}: must be of {', '.join(named)}")
    return [
        axes
        for name, value in named.items()
        for axes in _leaf_axes(value, dynamic_shapes.get(name), f"dynamic_shapes[{name!r}]")
    ]


def _leaf_axes(value: Any, stated: Any, place: str) -> Iterator[dict[int, Any]]:
    if isinstance(value, torch.Tensor):
        yield _tensor_axes(value, stated, place)
        return
    parts, spec = pytree.tree_flatten(value, is_leaf=lambda node: node is not value)
    if spec.is_leaf():
        return
    if stated is not None and len(stated) != len(parts):
        raise ValueError(
            f"{place} = {len(stated)} entries: must be {len(parts)}, as many as the container has"
        )
    inside = stated.values() if isinstance(stated, Mapping) else stated or [None] * len(parts)
    for i, (part, below) in enumerate(zip(parts, inside, strict=True)):
        yield from _leaf_axes(part, below, f"{place}[{i}]")


def _tensor_axes(value: torch.Tensor, stated: Any, place: str) -> dict[int, Any]:
    if stated is None:
        return {}
    if not isinstance(stated, Mapping | tuple | list):
        raise ValueError(f"{place} = {stated!r}: must be a dict from axis to Dim, or a tuple")
    pairs = stated.items() if isinstance(stated, Mapping) else enumerate(stated)
    axes = {int(axis) % max(value.dim(), 1): dim for axis, dim in pairs if _is_free(dim)}
    beyond = [axis for axis, _ in pairs if not -value.dim() <= axis < value.dim()]
    if beyond:
        raise ValueError(f"{place} = {beyond[0]}: must be an axis of a tensor of {value.dim()} dimensions")
    return axes


def _is_free(dim: Any) -> bool:
    return dim is not None and not isinstance(dim, int) and dim is not Dim.STATIC


def batch_candidates(arguments: Arguments, axis: int) -> list[FreeAxes]:
    """Ways to free what may be the batch, the most likely one first.

    Args:
        arguments: the example inputs.
        axis: of the first input that has it; of others the same, or the only one of that size.
    """
    tensors = arguments.tensors
    size = next((t.shape[axis] for t in tensors if t.dim() > axis), None)
    if size is None:
        return []
    every = [_alike(t, axis, size) for t in tensors]
    if size == 1:  # of all inputs, then without vectors, which may be positions, then of the first alone
        large = [free if t.dim() > 1 else {} for free, t in zip(every, tensors, strict=True)]
        first = next((i for i, free in enumerate(large) if free), 0)
        lone = [free if i == first else {} for i, free in enumerate(large)]
        distinct = {str(free): free for free in (every, large, lone) if any(free)}
        return list(distinct.values())
    wide = [{i: Dim.AUTO for i, n in enumerate(t.shape) if n == size} for t in tensors]
    return [every] if wide == every else [every, wide]


def _alike(tensor: torch.Tensor, axis: int, size: int) -> dict[int, Any]:
    """The axis of a tensor that may be the batch."""
    if tensor.dim() > axis and tensor.shape[axis] == size:
        return {axis: Dim.AUTO}
    alike = [i for i, n in enumerate(tensor.shape) if n == size]
    return {alike[0]: Dim.AUTO} if len(alike) == 1 and size > 1 and axis > 0 else {}


def at_least_two(arguments: Arguments, axes: Sequence[Mapping[int, Any]]) -> Arguments:
    """The arguments with free axes of size 1 doubled: torch takes a size of 1 for a fixed one."""
    return arguments.with_tensors(
        [_doubled(t, free) for t, free in zip(arguments.tensors, axes, strict=True)]
    )


def _doubled(tensor: torch.Tensor, free: Mapping[int, Any]) -> torch.Tensor:
    for axis in free:
        if tensor.shape[axis] == 1:
            tensor = torch.cat([tensor, tensor], axis)
    return tensor
