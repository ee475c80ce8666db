"""Types, shapes and free sizes as JSON, and back.

A size is a number or a text such as "batch*64 + 1": a sum, product or whole quotient of integers and free
sizes, parsed here and never evaluated.
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

import sympy
import torch
from torch._dynamo.source import ConstantSource
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv
from torch.utils._sympy.functions import FloorDiv

from approx.network.saving.arguments import DTYPES, identifier


def size_text(size: Any, names: dict[sympy.Symbol, str]) -> int | str:
    """A size as a number, or as a text such as "batch*64 + 1".

    Args:
        size: an int or a SymInt.
        names: what each free size is called; those not yet named are added.
    """
    if not isinstance(size, torch.SymInt):
        return int(size)
    expression = size.node.expr
    return int(expression) if expression.is_Integer else _printed(expression, names)


def _printed(e: Any, names: dict[sympy.Symbol, str]) -> str:
    if isinstance(e, sympy.Integer):
        return str(e)
    if isinstance(e, sympy.Symbol):
        return names.setdefault(e, f"n{len(names)}")
    if isinstance(e, sympy.Pow) and isinstance(e.exp, sympy.Integer) and e.exp > 0:
        return "(" + " * ".join([_printed(e.base, names)] * int(e.exp)) + ")"
    joint = {sympy.Add: " + ", sympy.Mul: " * ", FloorDiv: " // "}.get(type(e))
    if joint is None:
        raise ValueError(f"size {e}: must be made of integers, free sizes, +, * and //")
    return "(" + joint.join(_printed(part, names) for part in e.args) + ")"


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


class FreeSizes:
    """The free sizes of a loaded program, and fake values that have them."""

    def __init__(self, batch: int) -> None:
        self.environment = ShapeEnv()
        self.fake_mode = FakeTensorMode(shape_env=self.environment)
        self._batch = batch
        self._sizes: dict[str, torch.SymInt] = {}

    def named(self, name: str) -> torch.SymInt:
        """The free size of that name."""
        if name not in self._sizes:
            self._sizes[name] = self._new(identifier(name))
        return self._sizes[name]

    def _new(self, name: str) -> Any:
        source = ConstantSource(name)
        symbol = self.environment.create_symbol(self._batch, source, dynamic_dim=DimDynamic.DYNAMIC)
        size: Any = self.environment.create_symintnode(symbol, hint=self._batch, source=source)
        return size

    def size(self, text: int | str) -> Any:
        """The size that `size_text` wrote."""
        return text if isinstance(text, int) else self._of(ast.parse(text, mode="eval").body)

    def _of(self, tree: ast.AST) -> Any:
        if isinstance(tree, ast.Constant) and type(tree.value) is int:
            return tree.value
        if isinstance(tree, ast.Name):
            return self.named(tree.id)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return -self._of(tree.operand)
        if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
            return _OPERATORS[type(tree.op)](self._of(tree.left), self._of(tree.right))
        raise ValueError(f"size {ast.unparse(tree)[:80]!r}: must be made of integers, names, +, -, * and //")

    def value(self, stated: Any) -> Any:
        """The fake value that `value_json` wrote."""
        if stated is None:
            return None
        if isinstance(stated, list):
            return [self.value(item) for item in stated]
        if "size" in stated:
            return self.size(stated["size"])
        with self.fake_mode:
            return torch.empty([self.size(s) for s in stated["shape"]], dtype=DTYPES[stated["dtype"]])


def value_json(value: Any, names: dict[sympy.Symbol, str]) -> Any:
    """What is known of a node's value: its type and shape."""
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        return {"dtype": dtype, "shape": [size_text(s, names) for s in value.shape]}
    if isinstance(value, list | tuple):
        return [value_json(item, names) for item in value]
    if isinstance(value, int | torch.SymInt):
        return {"size": size_text(value, names)}
    return None
