"""Ops and their arguments as JSON, and back.

An op is a name from the tables of `approx.machine`, an argument a number, a text, a reference or one of four
marked values. Names that reach the code which torch.fx writes are checked to be plain identifiers.
"""

import keyword
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx, nn

from approx.machine import TABLES
from approx.machine.gemm import GEMM

OPS = frozenset().union(*TABLES.values()) - {"table"}
"""Names of the ops that a file may hold: those that the machine knows."""
_FUNCTIONS_OF_FLOATS = ("cos", "exp", "expm1", "log", "log1p", "log2", "rsqrt", "sin", "tanh")
_INEXACT = GEMM.keys() | {
    *(f"aten.{name}.default" for name in _FUNCTIONS_OF_FLOATS),
    *(f"aten.pow.{overload}" for overload in ("Scalar", "Tensor_Scalar", "Tensor_Tensor")),
}
"""Products and functions, whose last bit depends on the library and on the order of additions."""

_SQRT: Any = vars(torch)["_sym_sqrt"]
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "operator.add": operator.add,
    "operator.floordiv": operator.floordiv,
    "operator.getitem": operator.getitem,
    "operator.mod": operator.mod,
    "operator.mul": operator.mul,
    "operator.neg": operator.neg,
    "operator.pow": operator.pow,
    "operator.sub": operator.sub,
    "operator.truediv": operator.truediv,
    "torch._sym_sqrt": _SQRT,
    "torch.ones": torch.ones,
    "torch.sym_float": torch.sym_float,
    "torch.sym_int": torch.sym_int,
    "torch.sym_max": torch.sym_max,
    "torch.sym_min": torch.sym_min,
}
_NAMES = {function: name for name, function in _FUNCTIONS.items()}
_INTEGERS = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
DTYPES = {
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


def knows(target: Any) -> bool:
    """Whether the machine knows an op."""
    return (_NAMES.get(target) or str(target)) in OPS


def is_inexact(target: Any) -> bool:
    """Whether torch and the machine may give an op's floats with another last bit."""
    return str(target) in _INEXACT


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
    for mark, names in (("dtype", DTYPES), ("memory_format", _MEMORY_FORMATS)):
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
        "dtype": DTYPES,
        "memory_format": _MEMORY_FORMATS,
        "device": {"cpu": torch.device("cpu")},
    }[mark][content]


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
