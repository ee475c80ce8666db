"""The batch: a free size of inputs along which samples never meet, and which results have.

An axis is a batch if no instruction sums, compares, convolves or gathers along it. A graph's nodes or a
sequence's steps are none: an inference is the whole of them.
"""

from collections.abc import Callable, Iterable
from typing import Any

import sympy
import torch
from torch import fx

from approx.network.host import on_host
from approx.network.nodes import aten, reads_input

Symbols = frozenset[sympy.Symbol]


def symbols_of(size: Any) -> frozenset[sympy.Symbol]:
    """The free sizes that a size is made of."""
    return frozenset(size.node.expr.free_symbols) if isinstance(size, torch.SymInt) else frozenset()


def sizes_of(node: Any) -> tuple[Any, ...]:
    """The shape of a node's value; empty for what is no tensor."""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def free_symbols(graph: fx.Graph) -> list[sympy.Symbol]:
    """The free sizes of inputs, axis by axis from the first input on."""
    inputs = [sizes_of(node) for node in graph.nodes if node.op == "placeholder"]
    axes = [(axis, i) for i, shape in enumerate(inputs) for axis in range(len(shape))]
    found = [symbols_of(inputs[i][axis]) for axis, i in sorted(axes)]
    return list(dict.fromkeys(symbol for symbols in found for symbol in sorted(symbols, key=str)))


def independent(graph: fx.Graph, symbol: sympy.Symbol) -> bool:
    """Whether samples along the axes of size `symbol` never meet."""
    return not any(_mixes(node, symbol) for node in graph.nodes)


def reaches_results(graph: fx.Graph, symbol: sympy.Symbol) -> bool:
    """Whether a result has an axis of that size."""
    output = next(node for node in graph.nodes if node.op == "output")
    return any(_axes(node, symbol) for node in output.all_input_nodes)


def _axes(node: Any, symbol: sympy.Symbol) -> set[int]:
    """The axes of a value whose size depends on `symbol`."""
    return {axis for axis, size in enumerate(sizes_of(node)) if symbol in symbols_of(size)}


def _mixes(node: fx.Node, symbol: sympy.Symbol) -> bool:
    if node.op != "call_function" or on_host(node) or not any(_axes(n, symbol) for n in node.all_input_nodes):
        return False
    read = [n for n in node.all_input_nodes if _axes(n, symbol) and reads_input(n) and not on_host(n)]
    if read and not _keeps(node, symbol):
        return True
    rule = _RULES.get(node.target)
    return rule is not None and rule(node, symbol)


def _keeps(node: fx.Node, symbol: sympy.Symbol) -> bool:
    """Whether the result has the axis still, nothing put before, behind or taken from it."""
    values = node.meta.get("val")
    parts = values if isinstance(values, list | tuple) else [values]
    sizes: list[Any] = [s for part in parts if isinstance(part, torch.Tensor) for s in part.shape]
    having = [size for size in sizes if symbol in symbols_of(size)]
    return bool(having) and not any(size.node.expr.is_Add for size in having)


def _along(node: Any, dims: Iterable[int], symbol: sympy.Symbol) -> bool:
    count = len(sizes_of(node)) or 1
    return bool(_axes(node, symbol).intersection(d % count for d in dims))


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _contracts(node: fx.Node, symbol: sympy.Symbol) -> bool:
    x, y = node.args[:2]
    second = [-1] if len(sizes_of(y)) == 1 else [-2]
    return _along(x, [-1], symbol) or (node.target is not aten.linear.default and _along(y, second, symbol))


def _reduces(node: fx.Node, symbol: sympy.Symbol) -> bool:
    x: Any = node.args[0]
    dims = _argument(node, 1, "dim", None)
    named = [dims] if isinstance(dims, int) else list(dims or range(len(sizes_of(x))))
    return _along(x, named, symbol)


def _convolves(node: fx.Node, symbol: sympy.Symbol) -> bool:
    x: Any = node.args[0]
    batched = len(sizes_of(x)) == len(sizes_of(node.args[1]))
    return bool(_axes(x, symbol) - ({0} if batched else set())) or bool(_axes(node.args[1], symbol))


def _pools(node: fx.Node, symbol: sympy.Symbol) -> bool:
    return _along(node.args[0], range(-int(str(node.target._opname)[-2]), 0), symbol)  # type: ignore[union-attr]


def _goes_along(node: fx.Node, symbol: sympy.Symbol) -> bool:
    """An op whose second argument names axes along which words change their order."""
    dims: Any = node.args[1]
    return _along(node.args[0], [dims] if isinstance(dims, int) else dims, symbol)


def _rolls(node: fx.Node, symbol: sympy.Symbol) -> bool:
    dims: Any = _argument(node, 2, "dims", [])
    return _along(node.args[0], dims or range(len(sizes_of(node))), symbol)


def _sorts(node: fx.Node, symbol: sympy.Symbol) -> bool:
    dim: Any = node.kwargs.get("dim", -1)
    return _along(node.args[0], [dim], symbol)


def _parts(node: fx.Node, symbol: sympy.Symbol) -> bool:
    position = 1 if node.target is aten.unbind.int else 2
    return _along(node.args[0], [_argument(node, position, "dim", 0)], symbol)


def _indexes(node: fx.Node, symbol: sympy.Symbol) -> bool:
    """An index array that comes from inputs, on the axis itself."""
    indices: Any = node.args[1]
    chosen = [axis for axis, index in enumerate(indices) if index is not None and reads_input(index)]
    return _along(node.args[0], chosen, symbol)


def _gathers(node: fx.Node, symbol: sympy.Symbol) -> bool:
    index: Any = node.args[2]
    return _along(node.args[0], [node.args[1]], symbol) and reads_input(index)  # type: ignore[list-item]


Rule = Callable[[fx.Node, sympy.Symbol], bool]
_RULES: dict[Any, Rule] = {
    **dict.fromkeys(
        (aten.linear.default, aten.matmul.default, aten.mm.default, aten.bmm.default), _contracts
    ),
    **dict.fromkeys(
        (
            aten.amax.default,
            aten.argmax.default,
            aten.argmin.default,
            aten.cumsum.default,
            aten.mean.dim,
            aten.sum.dim_IntList,
        ),
        _reduces,
    ),
    **dict.fromkeys(
        (
            aten.conv1d.default,
            aten.conv2d.default,
            aten.conv3d.default,
            aten.conv_transpose1d.default,
            aten.conv_transpose2d.input,
            aten.conv_transpose3d.input,
            aten.convolution.default,
        ),
        _convolves,
    ),
    **dict.fromkeys(
        (
            aten.avg_pool1d.default,
            aten.avg_pool2d.default,
            aten.avg_pool3d.default,
            aten.max_pool1d.default,
            aten.max_pool2d.default,
            aten.max_pool3d.default,
        ),
        _pools,
    ),
    **dict.fromkeys((aten.flip.default, aten.unfold.default, aten.select.int), _goes_along),
    **dict.fromkeys(
        (aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default, aten.unbind.int), _parts
    ),
    **dict.fromkeys(
        (
            aten.gather.default,
            aten.index_select.default,
            aten.scatter.src,
            aten.scatter.value,
            aten.scatter_add.default,
            aten.index_add.default,
            aten.index_copy.default,
        ),
        _gathers,
    ),
    aten.roll.default: _rolls,
    aten.sort.stable: _sorts,
    aten.index.Tensor: _indexes,
}
"""What else than a lost axis lets samples meet, by op."""
