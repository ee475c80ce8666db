"""Sizes that the host finds by choosing: the edges of a graph that are no loops, the words of no padding.

torch gives such a size a symbol without a value. A program serves any value of it, as the host counts what
it chose at each call; a workload counts the most there can be, everything chosen.
"""

from typing import Any

import sympy
import torch
from torch import fx

from approx.network.batch import sizes_of, symbols_of
from approx.network.builder import UnsupportedOperator
from approx.network.host import is_choice
from approx.network.nodes import arguments, aten, label

Most = dict[sympy.Symbol, Any]
"""Free sizes, each with the most that it can be."""


def chosen_sizes(graph: fx.Graph) -> Most:
    """The sizes that follow from what the host chooses, with the number of what it chooses from.

    Raises:
        UnsupportedOperator: a size depends on values that the accelerator computes, or on another op.
    """
    found: Most = {}
    for node in graph.nodes:
        for symbol in _valueless(node):
            if symbol not in found:
                found[symbol] = _most(node)
    return found


def _valueless(node: fx.Node) -> list[sympy.Symbol]:
    """Symbols of sizes that no input's shape gives."""
    values = node.meta.get("val")
    parts = values if isinstance(values, list | tuple) else [values]
    sizes: list[Any] = [n for part in parts if isinstance(part, torch.Tensor) for n in part.shape]
    sizes += [part for part in parts if isinstance(part, torch.SymInt)]
    unknown = [n for n in sizes if isinstance(n, torch.SymInt) and not n.node.has_hint()]
    free = dict.fromkeys(s for n in unknown for s in sorted(symbols_of(n), key=str))
    return [s for s in free if unknown[0].node.shape_env.backed_var_to_val.get(s) is None]


def _most(node: fx.Node) -> Any:
    masks = _masks(node)
    if not masks or is_choice(node.target, masks):
        raise UnsupportedOperator(
            f"op {node.target} at {label(node)}: the size of its result depends on values; a size that "
            "follows from the inputs' shapes, or from a mask or indices among the inputs, would be supported"
        )
    most: Any = 1
    for size in sizes_of(masks[0]):
        most = most * size
    return most


def _masks(node: fx.Node) -> list[fx.Node]:
    """What an op chooses by, where its choice has a size of its own."""
    if node.target is aten.nonzero.default:
        return [arguments(node)[0]]
    if node.target is aten.masked_select.default:
        return [arguments(node)[1]]
    if node.target is not aten.index.Tensor:
        return []
    indices = [index for index in arguments(node)[1] if isinstance(index, fx.Node)]
    return [index for index in indices if index.meta["val"].dtype is torch.bool]
