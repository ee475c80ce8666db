"""Layers: the matrix products of a network, which widths of their own are given to by name."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from accel_models import Gemm, Operation
from approx.network.nodes import arguments, label, shape


@dataclass(frozen=True)
class Layer:
    """One matrix product, (M x K) @ (K x N), `count` times a pass over one inference.

    Attributes:
        name: what `Numerics(layers=)` and the operations of a workload call it; two products that one module
            makes may share it.
        m, n, k: its sizes; of a convolution those of its im2col form.
        count: products, such as heads or groups.
        parameters: weights that it reads; 0 for a product of two computed operands.
    """

    name: str
    m: int
    n: int
    k: int
    count: int
    parameters: int

    @property
    def macs(self) -> int:
        """Multiply-adds."""
        return self.m * self.n * self.k * self.count


def layer_of(node: fx.Node, work: list[Operation]) -> Layer | None:
    """Return the layer that a node is, from its work; None for a sum, or what is no product."""
    products = [op for op in work if isinstance(op, Gemm) and not op.wide]
    if not products:
        return None
    (product,) = products
    weight = arguments(node)[1]
    held = isinstance(weight, fx.Node) and weight.op == "get_attr"
    parameters = int(shape(weight).numel()) if held else 0
    return Layer(label(node), product.m, product.n, product.k, product.count, parameters)
