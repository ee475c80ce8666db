"""A PyTorch model as a torch.export graph with a free batch size.

torch.export runs with `strict=False` and its graph is used as it comes (the training IR, about 60 distinct
ops): `run_decompositions()` costs seconds and drags in mask work, rules of our own on whole ops milliseconds.
"""

import copy
import inspect
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import fx, nn
from torch.export import Dim
from torch.utils import _pytree as pytree

from approx.network.experts import make_dense

_RECURRENT = {
    torch.ops.aten.gru.input,
    torch.ops.aten.lstm.input,
    torch.ops.aten.rnn_relu.input,
    torch.ops.aten.rnn_tanh.input,
}
ExampleInputs = tuple[Any, ...] | dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """An exported model.

    Attributes:
        graph_module: ATen graph over a private copy of the model's parameters; nodes carry fake values.
        signature: how the model's `forward` is called.
        inputs: names of the inputs that the graph takes, all by keyword unless `positional`.
        positional: the inputs are passed by position, as the signature takes `*args`.
        batch_symbol: the free leading size, or None where the model fixes it.
        batch: the leading size of the example inputs.
    """

    graph_module: fx.GraphModule
    signature: inspect.Signature
    inputs: tuple[str, ...]
    positional: bool
    batch_symbol: sympy.Symbol | None
    batch: int


def export(model: nn.Module, example_inputs: ExampleInputs) -> Exported:
    """Export `model`, in eval mode, on `example_inputs`.

    Args:
        model: any module that torch.export takes; it is copied and left as it was.
        example_inputs: a tuple of positional or a dict of keyword arguments; the leading size of the first
            tensor is the batch, and stays free where the model allows it.

    Raises:
        ValueError: the inputs do not fit the model's signature, or hold no tensor.
    """
    signature = inspect.signature(model.forward)
    given = bind(signature, *split(example_inputs))
    positional = any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
    arguments = _at_least_two(given)
    shapes = _by_parameter(signature, arguments) if positional else arguments
    graph_module = _graph(model, arguments, positional, _free_batch(shapes, _batch(arguments)))
    symbol = _batch_symbol(graph_module)
    fixed = symbol is None and arguments is not given
    if fixed or any(_steps_over_batch(node) for node in graph_module.graph.nodes):
        arguments, symbol = given, None
        graph_module = _graph(model, arguments, positional, None)
    return Exported(graph_module, signature, tuple(arguments), positional, symbol, _batch(arguments))


def _graph(model: nn.Module, arguments: dict[str, Any], positional: bool, free: Any) -> fx.GraphModule:
    args = tuple(arguments.values()) if positional else ()
    kwargs = {} if positional else arguments
    program = torch.export.export(
        _private_copy(model, [*kwargs]), args, kwargs, dynamic_shapes=free, strict=False
    )
    graph_module = program.module(check_guards=False)
    assert isinstance(graph_module, fx.GraphModule)  # noqa: S101 - what torch.export documents
    return graph_module


def _by_parameter(signature: inspect.Signature, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments by the signature's parameters, those of `*args` as a tuple."""
    (rest,) = (name for name, p in signature.parameters.items() if p.kind is p.VAR_POSITIONAL)
    named = {name: value for name, value in arguments.items() if name in signature.parameters}
    return {**named, rest: tuple(value for name, value in arguments.items() if name not in named)}


def _steps_over_batch(node: fx.Node) -> bool:
    """Whether a recurrence steps along the leading size, which is then time, and has to be fixed."""
    if node.target not in _RECURRENT or node.args[-1]:  # batch_first
        return False
    return isinstance(node.args[0].meta["val"].shape[0], torch.SymInt)  # type: ignore[union-attr]


def split(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The positional and keyword arguments that `inputs` stands for."""
    if isinstance(inputs, dict):
        return (), inputs
    if isinstance(inputs, tuple | list):
        return tuple(inputs), {}
    kind = type(inputs).__name__
    raise ValueError(f"example_inputs = {kind}: must be a tuple of positional or a dict of keyword arguments")


def bind(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Name every argument; those left at None are as good as absent.

    Raises:
        ValueError: the arguments do not fit the signature.
    """
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise ValueError(
            f"inputs = {_describe(args, kwargs)}: must fit the model's forward{signature} ({error})"
        ) from None
    named: dict[str, Any] = {}
    for name, value in bound.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            named.update({f"{name}_{i}": item for i, item in enumerate(value)})
        else:
            named[name] = value
    return {name: value for name, value in named.items() if value is not None}


def _describe(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return f"({', '.join([type(a).__name__ for a in args] + [f'{k}=...' for k in kwargs])})"


def _private_copy(model: nn.Module, keywords: list[str]) -> nn.Module:
    """A copy to convert: fine-tuning must not change the original, which fidelity is measured against."""
    private = copy.deepcopy(model).eval()
    make_dense(private)
    if set(keywords) - set(inspect.signature(model.forward).parameters):
        _name_keywords(private, keywords)
    for module in private.modules():  # an encoder and a decoder have a config each
        config: Any = getattr(module, "config", None)
        if getattr(config, "use_cache", False):
            config.use_cache = False  # a KV cache is state between calls, not part of the function
    return private


def _name_keywords(model: nn.Module, keywords: list[str]) -> None:
    """Let a forward with `**kwargs` name those it is called with: torch.export frees no size of others."""
    forward = model.forward

    def named(**kwargs: Any) -> Any:
        return forward(**kwargs)

    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in keywords]
    named.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    model.forward = named


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _batch(arguments: dict[str, Any]) -> int:
    leading = [t.shape[0] for t in _tensors(arguments) if t.dim() > 0]
    if not leading:
        raise ValueError(
            "example_inputs = no tensor with a leading size: must hold at least one batched tensor"
        )
    return int(leading[0])


def _at_least_two(arguments: dict[str, Any]) -> dict[str, Any]:
    """torch.export fixes a size of 1, so a lone example is doubled."""
    if any(t.dim() == 0 or t.shape[0] != 1 for t in _tensors(arguments)):
        return arguments
    doubled: dict[str, Any] = pytree.tree_map_only(torch.Tensor, lambda t: torch.cat([t, t]), arguments)
    return doubled


def _free_batch(tree: Any, batch: int) -> Any:
    def free(leaf: Any) -> dict[int, Any] | None:
        batched = isinstance(leaf, torch.Tensor) and leaf.dim() > 0 and leaf.shape[0] == batch and batch > 1
        return {0: Dim.AUTO} if batched else None

    return pytree.tree_map(free, tree)


def _batch_symbol(graph_module: fx.GraphModule) -> sympy.Symbol | None:
    for node in graph_module.graph.nodes:
        value = node.meta.get("val")
        if node.op == "placeholder" and isinstance(value, torch.Tensor) and value.dim() > 0:
            size: Any = value.shape[0]
            if isinstance(size, torch.SymInt) and isinstance(size.node.expr, sympy.Symbol):
                return size.node.expr
    return None
