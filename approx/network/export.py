"""A PyTorch model as a torch.export graph, called with a flat list of tensors.

torch.export runs with `strict=False` and its graph is used as it comes (the training IR, about 60 distinct
ops): `run_decompositions()` costs seconds and drags in mask work, rules of our own on whole ops milliseconds.
What torch decides by a free size is noted as a guard; sizes of 0 and 1 are no exception
(`backed_size_oblivious`), so that a program is right for one sample if nothing asked for more.
"""

import copy
import inspect
import io
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.export import Dim
from torch.utils import _pytree as pytree

from approx.machine.decisions import Decision
from approx.network.builder import UnsupportedOperator
from approx.network.caches import holds_cache
from approx.network.call import Arguments, Returned, with_known_containers
from approx.network.decisions import Replay, Values
from approx.network.experts import make_dense
from approx.network.expressions import no_special_sizes
from approx.network.layout import layout_unasked
from approx.network.refused import DecidesByValue, refused_by_export

Axes = Sequence[Mapping[int, Any]]
"""For each input tensor, its free axes, each with what a user said of it."""


_TRANSFORMS = "torch._functorch.predispatch"


@dataclass(frozen=True)
class Exported:
    """An exported model.

    Attributes:
        graph_module: ATen graph over a private copy of the model's parameters; nodes carry fake values.
        arguments: the example's, with the tensors that were traced.
        returned: how results are put back.
        decisions: values that its Python code decided by, which follow the results.
    """

    graph_module: fx.GraphModule
    arguments: Arguments
    returned: Returned
    decisions: tuple[Decision, ...] = ()

    @property
    def shape_env(self) -> Any:
        """torch's record of free sizes and of what was decided by them; None where no tensor is there."""
        mode = fake_mode(self.graph_module)
        return None if mode is None else mode.shape_env


def export(
    model: nn.Module, arguments: Arguments, axes: Axes | None = None, joined: bool = False
) -> Exported:
    """Export `model`, in eval mode; what its code decides by integers and masks is the example's.

    Args:
        model: any module that torch.export takes; it is copied and left as it was.
        arguments: example inputs.
        axes: free axes of each input tensor; all sizes are the example's if None.
        joined: all free axes are of one size.

    Raises:
        UnsupportedOperator: torch.export cannot trace the model; says where and why.
    """
    try:
        return _exported(model, arguments, axes, joined, None)
    except DecidesByValue as refusal:
        values = _values_read(model, arguments)
        if values is None:
            raise
        try:
            return _exported(model, arguments, axes, joined, values)
        except UnsupportedOperator:
            raise refusal from None


def _values_read(model: nn.Module, arguments: Arguments) -> Values | None:
    """What the model's code reads out of tensors; None if nothing, or if it does not run, as on meta."""
    private, by_position = _private_copy(model, arguments), _passed_by_position(arguments)
    named = copy.deepcopy(arguments.named())
    args = [named.pop(name) for name in by_position]
    try:
        values = Values().of(lambda: private(*args, **named))
    except Exception:
        return None
    return values if values.found else None


def _exported(
    model: nn.Module, arguments: Arguments, axes: Axes | None, joined: bool, values: Values | None
) -> Exported:
    private = _private_copy(model, arguments)
    calls: list[tuple[Returned, tuple[Decision, ...]]] = []
    _let_call_be_flat(private, arguments, calls, axes if joined and axes is not None else [], values)
    shapes = None if axes is None else tuple(dict.fromkeys(free, Dim.AUTO) or None for free in axes)
    with no_special_sizes(), layout_unasked(), warnings.catch_warnings(), _quiet():
        warnings.filterwarnings(
            "ignore", "The tensor attributes .* were assigned during export"
        )  # torch's own RNNs
        try:
            program = torch.export.export(private, arguments.tensors, dynamic_shapes=shapes, strict=False)
            if any(_transforms(node) for node in program.graph.nodes):
                program = program.run_decompositions({})  # ops as they are, but for the transform
        except Exception as error:
            raise refused_by_export(error) from error
    graph_module = program.module(check_guards=False)
    assert isinstance(graph_module, fx.GraphModule)  # noqa: S101 - what torch.export documents
    return Exported(graph_module, arguments, *calls[-1])


def _transforms(node: fx.Node) -> bool:
    """Whether a node begins or ends a transform of functions, such as torch.vmap."""
    return node.op == "call_function" and str(getattr(node.target, "__module__", "")) == _TRANSFORMS


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's own account of what it could not trace, whole graphs among it: the refusal says it."""
    before, held = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.ERROR)
    try:
        with redirect_stderr(held):
            yield
    finally:
        logging.disable(before)
    sys.stderr.write(held.getvalue())  # of what could be traced, such as a warning of the model's


def fake_mode(graph_module: fx.GraphModule) -> Any:
    """The mode of the graph's fake values; None where it has no tensor."""
    for node in graph_module.graph.nodes:
        for value in pytree.tree_leaves(node.meta.get("val")):
            if isinstance(value, torch.Tensor) and hasattr(value, "fake_mode"):
                return value.fake_mode
    return None


def _private_copy(model: nn.Module, arguments: Arguments) -> nn.Module:
    """A copy to convert: fine-tuning must not change the original, which fidelity is measured against."""
    private = copy.deepcopy(model).eval()
    make_dense(private)
    named = arguments.named()
    if named.get("use_cache") is True or holds_cache(named):
        return private
    for module in private.modules():  # an encoder and a decoder have a config each
        config: Any = getattr(module, "config", None)
        if getattr(config, "use_cache", False):
            config.use_cache = False  # a cache is state between calls: not returned unless asked for
    return private


def _let_call_be_flat(
    model: nn.Module,
    arguments: Arguments,
    calls: list[tuple[Returned, tuple[Decision, ...]]],
    joined: Axes,
    values: Values | None,
) -> None:
    """Let `forward` take tensors alone, by position, and return tensors alone: results, then decisions."""
    forward = model.forward
    by_position = _passed_by_position(arguments)

    def flat(*tensors: torch.Tensor) -> tuple[Any, ...]:
        _join([t.shape[axis] for t, free in zip(tensors, joined, strict=False) for axis in free])
        named = arguments.with_tensors(tensors).named()
        args = [named.pop(name) for name in by_position]
        with Replay(values) as replay:
            results = forward(*args, **named)
        leaves, spec = pytree.tree_flatten(with_known_containers(results))
        constants = {i: leaf for i, leaf in enumerate(leaves) if not _is_computed(leaf)}
        calls.append((Returned(spec, constants), tuple(replay.decisions)))
        return (*(leaf for leaf in leaves if _is_computed(leaf)), *replay.tensors)

    names = [_identifier(label, i) for i, label in enumerate(arguments.tensor_labels)]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    model.forward = flat


def _join(sizes: list[Any]) -> None:
    """Let torch take free sizes for one."""
    for size in sizes[1:]:
        torch._check(size == sizes[0])  # type: ignore[no-untyped-call]


def _passed_by_position(arguments: Arguments) -> list[str]:
    """The arguments that have to be: those of `*args` with all before them, and those without a keyword."""
    parameters = arguments.signature.parameters
    kinds = {name: p.kind for name, p in parameters.items()}
    rest = next((name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_POSITIONAL), None)
    if rest is None:
        return [name for name in arguments.names if kinds.get(name) is inspect.Parameter.POSITIONAL_ONLY]
    before = list(parameters)[: list(parameters).index(rest)]
    return [n for n in arguments.names if n in before or (n not in parameters and n.startswith(f"{rest}_"))]


def _is_computed(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor | torch.SymInt)


def _identifier(label: str, position: int) -> str:
    """A parameter's name for an input: its own, or one made of the path inside its container."""
    if label.isidentifier():
        return label
    plain = "".join(c if c.isalnum() else "_" for c in label).strip("_")
    return f"{plain}_{position}"
