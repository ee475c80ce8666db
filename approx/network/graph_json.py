"""A legalized graph as JSON, and back.

Nothing in the JSON is imported or evaluated. An op is a name from the tables of `approx.machine`, an argument
a number, a text, a reference or one of four marked values, a size a sum or product of integers and of free
sizes. Names that reach the code which torch.fx writes are checked to be plain identifiers.
"""

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import sympy
import torch
from torch import fx, nn
from torch._dynamo.source import ConstantSource
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv
from torch.utils._sympy.functions import FloorDiv

from approx.machine import TABLES

OPS = frozenset().union(*TABLES.values()) - {"table"}
"""Names of the ops that a file may hold: those that the machine knows."""

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "operator.add": operator.add,
    "operator.floordiv": operator.floordiv,
    "operator.getitem": operator.getitem,
    "operator.mul": operator.mul,
    "operator.sub": operator.sub,
    "torch.ones": torch.ones,
}
_NAMES = {function: name for name, function in _FUNCTIONS.items()}
_INTEGERS = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_DTYPES = {
    str(t).removeprefix("torch."): t
    for t in (*_INTEGERS, torch.float16, torch.bfloat16, torch.float32, torch.float64)
}
_MEMORY_FORMATS = {
    str(f).removeprefix("torch."): f
    for f in (torch.contiguous_format, torch.preserve_format, torch.channels_last, torch.channels_last_3d)
}
_DROPPED = {"device", "layout", "pin_memory"}
"""Keyword arguments that say where a tensor lies; a loaded program computes on the CPU until it is moved."""


# Ops


def op_name(target: Any) -> str:
    """The name of an op, with its overload.

    Raises:
        ValueError: the machine does not know the op.
    """
    name = _NAMES.get(target) or str(target)
    if name not in OPS:
        raise ValueError(f"op {name}: must be one that approx.machine knows")
    return name


def op_named(name: str) -> Any:
    """The op of that name, overload included.

    Raises:
        ValueError: the machine does not know the op.
    """
    if name not in OPS:
        raise ValueError(f"op {name!r}: must be one that approx.machine knows")
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    _, packet, overload = name.split(".")
    return getattr(getattr(torch.ops.aten, packet), overload)


# Arguments


def encode(value: Any) -> Any:
    """An argument of a node as JSON.

    Raises:
        ValueError: there is no form for it.
    """
    if isinstance(value, fx.Node):
        return {"node": value.name}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    for mark, names in (("dtype", _DTYPES), ("memory_format", _MEMORY_FORMATS)):
        name = str(value).removeprefix("torch.")
        if names.get(name) is value:
            return {mark: name}
    if isinstance(value, torch.device):
        return {"device": "cpu"}
    raise ValueError(f"argument {value!r}: {type(value).__name__} has no form in a saved program")


def decode(value: Any, nodes: Mapping[str, Any]) -> Any:
    """The argument that `encode` wrote, its references looked up in `nodes`."""
    if isinstance(value, list):
        return [decode(item, nodes) for item in value]
    if not isinstance(value, dict):
        return value
    ((mark, content),) = value.items()
    if mark == "float":
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[content]
    return {
        "node": nodes,
        "dtype": _DTYPES,
        "memory_format": _MEMORY_FORMATS,
        "device": {"cpu": torch.device("cpu")},
    }[mark][content]


# Sizes


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
            return torch.empty([self.size(s) for s in stated["shape"]], dtype=_DTYPES[stated["dtype"]])


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


# Nodes and where their tensors lie


def by_position(node: fx.Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, those passed by a name that the op takes by position as well put there."""
    schema = getattr(node.target, "_schema", None)
    kwargs = dict(node.kwargs)
    args = list(node.args)
    if schema is not None:
        positional = [a for a in schema.arguments if not a.kwarg_only]
        named = [i for i, a in enumerate(positional) if a.name in kwargs]
        missing = positional[len(args) : max(named, default=-1) + 1]
        args.extend(kwargs.pop(a.name, a.default_value) for a in missing)
    return tuple(args), kwargs


def kwargs_json(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments, without those that say where a tensor lies."""
    return {name: encode(value) for name, value in kwargs.items() if name not in _DROPPED}


def call(graph: fx.Graph, stated: Mapping[str, Any], nodes: Mapping[str, fx.Node]) -> fx.Node:
    """Add the call that was saved."""
    kwargs = {identifier(name): decode(value, nodes) for name, value in stated["kwargs"].items()}
    args = tuple(decode(stated["args"], nodes))
    return graph.call_function(op_named(stated["target"]), args, kwargs)


def place(root: nn.Module, path: str) -> tuple[nn.Module, str]:
    """The module and attribute that a dotted path names; modules on the way are made.

    Raises:
        ValueError: the path is not made of plain names, or is taken by something else.
    """
    *parents, leaf = path.split(".")
    module = root
    for name in parents:
        _path_part(name)
        if name not in module._modules:
            module.add_module(name, nn.Module())
        child = module._modules[name]
        assert child is not None  # noqa: S101 - only modules are ever added here
        module = child
    if hasattr(module, _path_part(leaf)):
        raise ValueError(f"path {path!r}: is taken twice")
    return module, leaf


def _path_part(name: str) -> str:
    if name.startswith("__"):
        raise ValueError(f"path part {name[:80]!r}: must not be one of Python's own names")
    return name if re.fullmatch(r"[0-9][A-Za-z0-9_]{0,999}", name) else identifier(name)


def identifier(name: str) -> str:
    """The name, if torch.fx may write it into code.

    Raises:
        ValueError: it is no plain identifier.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,999}", name) or keyword.iskeyword(name):
        raise ValueError(f"name {str(name)[:80]!r}: must be a plain identifier")
    return name
