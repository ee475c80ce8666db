"""Whether a program traced with several samples is that of one sample, node by node.

torch asks of many sizes whether they are 1, most often to lay out memory, and notes the answer as a
condition. Where the trace of one sample has the same nodes, the condition does not matter.
"""

from collections.abc import Mapping
from typing import Any

import sympy
import torch
from torch import fx

from approx.network.instructions import Sizes
from approx.network.nodes import attribute


def same_program(several: fx.GraphModule, one: fx.GraphModule, sizes: Mapping[sympy.Symbol, int]) -> bool:
    """Whether two traces of a model are one program.

    Args:
        several: with free sizes.
        one: with the sizes of one sample.
        sizes: what the free ones are for one sample.
    """
    first, second = _computing(several.graph), _computing(one.graph)
    if len(first) != len(second):
        return False
    numbers = _Compared(several, one, Sizes(sizes), dict(zip(first, second, strict=True)))
    return all(numbers.alike(a, b) for a, b in zip(first, second, strict=True))


def _computing(graph: fx.Graph) -> list[fx.Node]:
    """Nodes in order, without those that compute sizes."""
    return [node for node in graph.nodes if not isinstance(node.meta.get("val"), int | torch.SymInt)]


class _Compared:
    """Two graphs, their nodes paired."""

    def __init__(
        self, several: fx.GraphModule, one: fx.GraphModule, sizes: Sizes, pairs: dict[fx.Node, fx.Node]
    ) -> None:
        self.several, self.one, self.sizes, self.pairs = several, one, sizes, pairs

    def alike(self, a: fx.Node, b: fx.Node) -> bool:
        """Whether two nodes do the same to the same."""
        if a.op != b.op or not self._same_targets(a, b):
            return False
        return self._same(a.args, b.args) and self._same(a.kwargs, b.kwargs)

    def _same_targets(self, a: fx.Node, b: fx.Node) -> bool:
        if a.op in ("placeholder", "output"):
            return True
        if a.op == "get_attr" and str(a.target).startswith("constants."):
            x, y = (attribute(m, n) for m, n in ((self.several, a), (self.one, b)))
            return x.shape == y.shape and (x.is_meta or torch.equal(x, y))
        return a.target == b.target

    def _same(self, a: Any, b: Any) -> bool:
        if isinstance(a, list | tuple) and isinstance(b, list | tuple):
            return len(a) == len(b) and all(self._same(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            return a.keys() == b.keys() and all(self._same(a[key], b[key]) for key in a)
        if isinstance(a, fx.Node) and a in self.pairs:
            return self.pairs[a] is b
        return bool(self._number(a) == self._number(b))

    def _number(self, value: Any) -> Any:
        size = value.meta["val"] if isinstance(value, fx.Node) else value
        return self.sizes.size(size) if isinstance(size, torch.SymInt) else size
