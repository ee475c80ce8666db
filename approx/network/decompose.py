"""Ops that have no rule, as torch itself takes them apart.

torch defines many ops by others (einsum by permute and bmm, cosine similarity by norms); one op at a time is
traced through that definition. `run_decompositions()` on the whole graph would do it to every op, including
those for which the rules here know better.
"""

from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree


def decompose(target: Any, args: Any, kwargs: Any, fake_mode: Any) -> tuple[fx.Graph, list[fx.Node]] | None:
    """The graph that torch defines `target` by.

    Args:
        target: an ATen op.
        args: its positional arguments; tensors are nodes that carry fake values.
        kwargs: its keyword arguments, likewise.
        fake_mode: the mode of those values.

    Returns:
        A graph whose placeholders stand for the returned nodes, or None if torch takes the op for atomic.
    """
    leaves, spec = pytree.tree_flatten((args, kwargs))
    inputs = list(dict.fromkeys(leaf for leaf in leaves if isinstance(leaf, fx.Node)))

    def call(*tensors: Any) -> Any:
        given = dict(zip(inputs, tensors, strict=True))
        filled = [given[leaf] if isinstance(leaf, fx.Node) else leaf for leaf in leaves]
        positional, named = pytree.tree_unflatten(filled, spec)
        return target(*positional, **named)

    table: Any = torch._decomp.get_decompositions([target])
    with fake_mode, torch.no_grad():
        graph = make_fx(call, decomposition_table=table)(*[n.meta["val"] for n in inputs]).graph
    for node in graph.nodes:
        if (
            node.target is torch.ops.aten.view.default
        ):  # what memory layout allows while tracing may not later
            node.target = torch.ops.aten.reshape.default
    return None if any(n.target is target for n in graph.nodes) else (graph, inputs)
