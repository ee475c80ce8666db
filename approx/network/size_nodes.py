"""Free sizes as nodes of a graph: what a rule computes with sizes, the program computes at each call."""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import sympy
import torch
from torch import fx
from torch.utils._sympy.functions import CleanDiv, FloorDiv, Max, Min, Mod, PythonMod

from approx.network.nodes import aten

Emit = Callable[..., fx.Node]
_OPERATIONS: dict[Any, Callable[..., Any]] = {
    sympy.Add: operator.add,
    sympy.Mul: operator.mul,
    CleanDiv: operator.floordiv,
    FloorDiv: operator.floordiv,
    Max: torch.sym_max,
    Min: torch.sym_min,
    Mod: operator.mod,
    PythonMod: operator.mod,
}


def with_size_nodes(arguments: Any, graph: fx.Graph, emit: Emit) -> Any:
    """The arguments of a call, free sizes among them as nodes.

    Args:
        arguments: nodes, numbers, and lists, tuples and dicts of them.
        graph: whose inputs have the sizes.
        emit: adds a call and gives its node.

    Raises:
        ValueError: a size follows from no input's shape.
    """
    if isinstance(arguments, list | tuple):
        items = [with_size_nodes(item, graph, emit) for item in arguments]
        return tuple(items) if isinstance(arguments, tuple) else items
    if isinstance(arguments, dict):
        return {key: with_size_nodes(item, graph, emit) for key, item in arguments.items()}
    if isinstance(arguments, torch.SymInt):
        return _node(arguments.node.expr, graph, emit)
    return arguments


def _node(e: Any, graph: fx.Graph, emit: Emit) -> Any:
    if isinstance(e, sympy.Integer):
        return int(e)
    if isinstance(e, sympy.Symbol):
        return emit(aten.sym_size.int, *_place(e, graph))
    if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Integer) and e.exp > 0:
        return reduce(lambda x, y: emit(operator.mul, x, y), [_node(e.base, graph, emit)] * int(e.exp))
    operation = _OPERATIONS.get(type(e))
    if operation is None:
        raise ValueError(f"the size {e} is no whole arithmetic of the inputs' sizes")
    return reduce(lambda x, y: emit(operation, x, y), [_node(part, graph, emit) for part in e.args])


def _place(symbol: sympy.Symbol, graph: fx.Graph) -> tuple[fx.Node, int]:
    """An input and its axis of that size."""
    for node in graph.nodes:
        value = node.meta.get("val") if node.op == "placeholder" else None
        sizes: list[Any] = list(value.shape) if isinstance(value, torch.Tensor) else []
        for axis, size in enumerate(sizes):
            if isinstance(size, torch.SymInt) and size.node.expr == symbol:
                return node, axis
    raise ValueError(f"the size {symbol} is that of no input's axis")
