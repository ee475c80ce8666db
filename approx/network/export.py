"""A PyTorch model as a torch.export graph, called with a flat list of tensors.

torch.export runs with `strict=False` and its graph is used as it comes (the training IR, about 60 distinct
ops): `run_decompositions()` costs seconds and drags in mask work, rules of our own on whole ops milliseconds.
What torch decides by a free size is noted as a guard; sizes of 0 and 1 are no exception
(`backed_size_oblivious`), so that a program is right for one sample if nothing asked for more.
"""

import copy
import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.export import Dim
from torch.utils import _pytree as pytree

from approx.network.caches import holds_cache
from approx.network.call import Arguments, Returned, with_known_containers
from approx.network.experts import make_dense
from approx.network.expressions import no_special_sizes
from approx.network.layout import layout_unasked
from approx.network.refused import refused_by_export

Axes = Sequence[Mapping[int, Any]]
"""For each input tensor, its free axes, each with what a user said of it."""


@dataclass(frozen=True)
class Exported:
    """An exported model.

    Attributes:
        graph_module: ATen graph over a private copy of the model's parameters; nodes carry fake values.
        arguments: the example's, with the tensors that were traced.
        returned: how results are put back.
    """

    graph_module: fx.GraphModule
    arguments: Arguments
    returned: Returned

    @property
    def shape_env(self) -> Any:
        """torch's record of free sizes and of what was decided by them; None where no tensor is there."""
        mode = fake_mode(self.graph_module)
        return None if mode is None else mode.shape_env


def export(
    model: nn.Module, arguments: Arguments, axes: Axes | None = None, joined: bool = False
) -> Exported:
    """Export `model`, in eval mode.

    Args:
        model: any module that torch.export takes; it is copied and left as it was.
        arguments: example inputs.
        axes: free axes of each input tensor; all sizes are the example's if None.
        joined: all free axes are of one size.

    Raises:
        UnsupportedOperator: torch.export cannot trace the model; says where and why.
    """
    private = _private_copy(model, arguments)
    returned: list[Returned] = []
    _let_call_be_flat(private, arguments, returned, axes if joined and axes is not None else [])
    shapes = None if axes is None else tuple(dict.fromkeys(free, Dim.AUTO) or None for free in axes)
    with no_special_sizes(), layout_unasked(), warnings.catch_warnings(), _quiet():
        warnings.filterwarnings(
            "ignore", "The tensor attributes .* were assigned during export"
        )  # torch's own RNNs
        try:
            program = torch.export.export(private, arguments.tensors, dynamic_shapes=shapes, strict=False)
        except Exception as error:
            raise refused_by_export(error) from error
    graph_module = program.module(check_guards=False)
    assert isinstance(graph_module, fx.GraphModule)  # noqa: S101 - what torch.export documents
    return Exported(graph_module, arguments, returned[-1])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's own account of what it could not trace: the refusal says it."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


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


def _let_call_be_flat(model: nn.Module, arguments: Arguments, returned: list[Returned], joined: Axes) -> None:
    """Let `forward` take the tensors alone, by position, and return tensors alone."""
    forward = model.forward
    by_position = _passed_by_position(arguments)

    def flat(*tensors: torch.Tensor) -> tuple[Any, ...]:
        _join([t.shape[axis] for t, free in zip(tensors, joined, strict=False) for axis in free])
        named = arguments.with_tensors(tensors).named()
        args = [named.pop(name) for name in by_position]
        leaves, spec = pytree.tree_flatten(with_known_containers(forward(*args, **named)))
        constants = {i: leaf for i, leaf in enumerate(leaves) if not _is_computed(leaf)}
        returned.append(Returned(spec, constants))
        return tuple(leaf for leaf in leaves if _is_computed(leaf))

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
