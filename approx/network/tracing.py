"""Tracing: a model in, a matrix program out, with the sizes that it serves and the axis that is its batch."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy
import torch
from torch import fx, nn

from approx.machine.decisions import Decision
from approx.machine.sizes import InputSizes, holds
from approx.network.axes import FreeAxes, at_least_two, batch_candidates, stated_axes
from approx.network.batch import free_symbols, independent, reaches_results, sizes_of, symbols_of
from approx.network.builder import UnsupportedOperator
from approx.network.call import Arguments, Call, ExampleInputs
from approx.network.chosen import Most, chosen_sizes
from approx.network.decided import decided, values_of
from approx.network.dims import Place, check_free, conditions, places
from approx.network.export import Exported, export
from approx.network.expressions import Names, no_special_sizes
from approx.network.guards import examples_of, input_sizes
from approx.network.instructions import Sizes
from approx.network.layout import layout_unasked
from approx.network.legalize import Legalized, legalize
from approx.network.program import MatrixProgram
from approx.network.rules.refusals import ROUNDED
from approx.network.single import same_program

BATCH = "batch"
"""What a `Dim` is called to say that it counts inferences."""


def trace(model: nn.Module, example_inputs: ExampleInputs, dynamic_shapes: Any = None) -> MatrixProgram:
    """Turn `model` into a matrix program, its nonlinear functions at named sites.

    Args:
        model: any module that torch.export takes; it is not changed.
        example_inputs: a tuple of positional or a dict of keyword arguments.
        dynamic_shapes: which axes of the inputs are free, as torch.export has it; a `Dim("batch")` counts
            inferences. If None, the axis that is the batch is found and free, and all other sizes are the
            example's.

    Raises:
        UnsupportedOperator: an op has no rule, or torch.export cannot trace the model.
        ValueError: the inputs do not fit the model, or `dynamic_shapes` frees what the model fixes.
    """
    _check_activations(model)
    arguments = Arguments.of(inspect.signature(model.forward), example_inputs)
    if dynamic_shapes is not None:
        axes = stated_axes(arguments, dynamic_shapes)
        traced = _traced(model, arguments, axes)
        stated = places(traced.inputs, arguments.tensor_labels, axes)
        check_free(stated)
        return traced.program(_named_batch(stated) or traced.batch(), stated=stated)
    return _with_batch_found(model, arguments)


def _check_activations(model: nn.Module) -> None:
    """Refuse modules that fake-quantise activations; those of weights are called `weight_fake_quant`."""
    for name, module in model.named_modules():
        if hasattr(module, "fake_quant_enabled") and "weight" not in name.rpartition(".")[2]:
            raise UnsupportedOperator(
                f"module {name or 'the model itself'} ({type(module).__name__}): {ROUNDED}"
            )


def _with_batch_found(model: nn.Module, arguments: Arguments) -> MatrixProgram:
    """Free the first axis, and where it is none of samples the second; else all sizes are the example's."""
    mixing, specialised = None, False
    for axis in (0, 1):
        for axes in batch_candidates(arguments, axis):
            traced = _attempt(model, arguments, axes)
            if traced is not None and not traced.batch(axes) and len(traced.symbols) > 1:
                traced = _attempt(model, arguments, axes, joined=True) or traced
            if traced is None:
                continue
            if batch := traced.batch(axes):
                return traced.program(batch)
            specialised = specialised or not traced.symbols
            mixing = mixing or (traced if traced.symbols else None)
        if mixing is None and specialised:
            break  # the model fixes the first axis, so that nothing tells whether samples lie along it
    if mixing is not None:
        return mixing.program(frozenset())
    fixed = _traced(model, arguments, [{} for _ in arguments.tensors])
    return fixed.program(frozenset(), fixed.leading() if specialised else None)


def _attempt(
    model: nn.Module, arguments: Arguments, axes: FreeAxes, joined: bool = False
) -> "_Traced | None":
    try:
        return _traced(model, arguments, axes, joined)
    except UnsupportedOperator:
        return None  # perhaps for the axis that is free: tried with fixed sizes in the end


def _traced(model: nn.Module, arguments: Arguments, axes: FreeAxes, joined: bool = False) -> "_Traced":
    exported = export(model, at_least_two(arguments, axes), axes, joined)
    exported.shape_env.frozen = False  # what rules decide by a free size is a guard as well
    with no_special_sizes(), layout_unasked():
        legal = legalize(exported)
    decisions = decided(legal.graph_module, exported.decisions, len(legal.written))
    _check_decisions(decisions, legal, exported.arguments.tensors, model)
    return _Traced(model, exported, legal, chosen_sizes(legal.graph_module.graph), tuple(decisions.values()))


def _check_decisions(
    decisions: Mapping[fx.Node, Decision], legal: Legalized, tensors: Sequence[torch.Tensor], model: nn.Module
) -> None:
    """Refuse a program that does not find, for its own example, what decided it."""
    inputs = [*tensors, *(model.get_buffer(path) for path in legal.state)]
    for decision, found in zip(
        decisions.values(), values_of(legal.graph_module, list(decisions), inputs), strict=True
    ):
        decision.check(found.tolist())


@dataclass(frozen=True)
class _Traced:
    """One trace: what became of some free axes."""

    model: nn.Module
    exported: Exported
    legal: Legalized
    chosen: Most
    decisions: tuple[Decision, ...] = ()

    @property
    def graph(self) -> fx.Graph:
        return self.legal.graph_module.graph

    @property
    def inputs(self) -> list[fx.Node]:
        """The nodes of the arguments' tensors."""
        nodes = [node for node in self.graph.nodes if node.op == "placeholder"]
        return nodes[: len(self.exported.arguments.tensors)]

    @property
    def symbols(self) -> list[sympy.Symbol]:
        """Sizes that are free still."""
        return free_symbols(self.graph)

    def batch(self, axes: FreeAxes | None = None) -> frozenset[sympy.Symbol]:
        """The free sizes along which samples are independent: the first that is, and its like.

        Args:
            axes: what was freed; none is a batch if another one, of an input beside it, is not.
        """
        found = [s for s in self.symbols if reaches_results(self.graph, s) and independent(self.graph, s)]
        if not found:
            return frozenset()
        sizes, axis = examples_of(self.exported.shape_env, found), self._axis(found[0])
        batch = frozenset(s for s in found if self._axis(s) == axis and sizes[s] == sizes[found[0]])
        return batch if axes is None or self._all_have(batch, axes) else frozenset()

    def _all_have(self, batch: frozenset[sympy.Symbol], axes: FreeAxes) -> bool:
        """Whether every input with a free axis has one of the batch."""
        return all(
            not free or any(symbols_of(n) and symbols_of(n) <= batch for n in sizes_of(node))
            for node, free in zip(self.inputs, axes, strict=True)
        )

    def _axis(self, symbol: sympy.Symbol) -> int:
        return next(
            a for node in self.inputs for a, n in enumerate(sizes_of(node)) if symbol in symbols_of(n)
        )

    def leading(self) -> int | None:
        """The first size of the inputs, where a result has it too: the batch that the model fixes."""
        size = next((t.shape[0] for t in self.exported.arguments.tensors if t.dim()), None)
        (output,) = (node for node in self.graph.nodes if node.op == "output")
        return size if any(sizes_of(n)[:1] == (size,) for n in output.all_input_nodes) else None

    def _is_that_of_one(
        self,
        sizes: InputSizes,
        batch: frozenset[sympy.Symbol],
        names: Names,
        examples: dict[sympy.Symbol, int],
    ) -> bool:
        """Whether conditions exclude a batch of one though its program is the same."""
        one = {s: 1 if s in batch else n for s, n in examples.items()}
        if not batch or sizes.allow({names[s]: n for s, n in one.items()}):
            return False
        tensors = [
            _first(t, node, batch)
            for t, node in zip(self.exported.arguments.tensors, self.inputs, strict=True)
        ]
        try:
            lone = _traced(self.model, self.exported.arguments.with_tensors(tensors), [{} for _ in tensors])
        except UnsupportedOperator:
            return False
        return same_program(self.legal.graph_module, lone.legal.graph_module, one)

    def program(
        self, batch: frozenset[sympy.Symbol], fixed: int | None = None, stated: Sequence[Place] = ()
    ) -> MatrixProgram:
        """The program, with what counts as an inference.

        Args:
            batch: free sizes that count inferences.
            fixed: inferences of every pass, where the model fixes them.
            stated: axes that a user freed.
        """
        examples = examples_of(self.exported.shape_env, self.symbols)
        ordered = [s for s in examples if s in batch]
        names = {s: f"{BATCH}{i or ''}" for i, s in enumerate(ordered)}
        names |= {s: f"n{i}" for i, s in enumerate(s for s in examples if s not in batch)}
        sizes = input_sizes(
            self.inputs, self.exported.arguments.tensor_labels, self.exported.shape_env, names, examples
        )
        sizes = replace(sizes, conditions=(*sizes.conditions, *conditions(list(stated), names)))
        if self._is_that_of_one(sizes, batch, names, examples):
            sizes = _also_one(sizes, ordered, names, examples)
        call = Call(
            self.exported.arguments,
            self.exported.returned,
            sizes,
            self.legal.state,
            self.legal.written,
            self.decisions,
        )
        names |= {s: f"chosen{i or ''}" for i, s in enumerate(self.chosen)}
        examples |= {s: Sizes(examples).size(most) for s, most in self.chosen.items()}
        self.exported.shape_env.backed_var_to_val.update(
            {s: sympy.Integer(examples[s]) for s in self.chosen}
        )  # what rules of fixed point take for the example's
        return MatrixProgram(self.legal.graph_module, call, names, examples, batch, fixed)


def _named_batch(stated: list[Place]) -> frozenset[sympy.Symbol]:
    """The free sizes whose `Dim` is called batch."""
    named = [size for _, size, dim in stated if getattr(dim, "__name__", None) == BATCH]
    return frozenset(symbol for size in named for symbol in symbols_of(size))


def _first(tensor: torch.Tensor, node: fx.Node, batch: frozenset[sympy.Symbol]) -> torch.Tensor:
    """The first sample of an input."""
    for axis, size in enumerate(sizes_of(node)):
        if symbols_of(size) and symbols_of(size) <= batch:
            tensor = tensor.narrow(axis, 0, 1)
    return tensor


def _also_one(
    sizes: InputSizes, batch: list[sympy.Symbol], names: Names, examples: dict[sympy.Symbol, int]
) -> InputSizes:
    """The sizes with a batch of one among them, whatever the conditions say of it."""
    single = {names[s]: 1 if s in batch else size for s, size in examples.items()}
    one = " and ".join(f"{names[s]} == 1" for s in batch)
    conditions = [c if holds(c, single) else f"({one}) or {c}" for c in sizes.conditions]
    return replace(sizes, conditions=tuple(conditions))
