"""The matrix program: a network as instructions and sites, and the workload that it makes."""

import functools
import inspect
import itertools
from contextlib import AbstractContextManager, nullcontext
from html import escape
from typing import Any

import sympy
import torch
from torch import fx

from accel_models import Flow, Lookup, Operation, Workload
from approx.cpwl import ADDRESSING, fit
from approx.network.approximation import Approximation
from approx.network.call import Call
from approx.network.certificate import Certificate, certify, kind_of
from approx.network.choices import instruction_of
from approx.network.export import fake_mode
from approx.network.flow import flow
from approx.network.instructions import Kind, Sizes
from approx.network.layers import Layer, layer_of
from approx.network.nodes import aten
from approx.network.site import Site, SiteModule, per_inference

_OF_NUMBERS = {
    aten.full.default: 1,
    aten.full_like.default: 1,
    aten.new_full.default: 2,
    aten.scalar_tensor.default: 0,
    **{getattr(aten, name).Scalar: 1 for name in ("add", "div", "mul", "sub")},
    **{getattr(aten, name).Tensor: 1 for name in ("add", "div", "mul", "sub")},
}
"""Ops that may take a number, with its position."""


class MatrixProgram:
    """A network as matrix operations only.

    Attributes:
        graph_module: the legalized graph, from a flat list of tensors to another; a `SiteModule` is called at
            each site.
        call: how the original model is called, and the sizes that the program serves.
        names: what each free size is called.
        examples: the size of each in the example.
        batch: free sizes that count inferences.
        fixed_batch: inferences of every pass, where the model fixes them; else None.
    """

    def __init__(
        self,
        graph_module: fx.GraphModule,
        call: Call,
        names: dict[sympy.Symbol, str],
        examples: dict[sympy.Symbol, int],
        batch: frozenset[sympy.Symbol] = frozenset(),
        fixed_batch: int | None = None,
    ) -> None:
        self.graph_module = graph_module
        self.call = call
        self.names = names
        self.examples = examples
        self.batch = batch
        self.fixed_batch = fixed_batch
        # What nodes ask for by batch size, which tables do not change: a search asks for many workloads.
        self._steps: dict[int, list[list[Operation] | tuple[Site, int]]] = {}
        self._flows: dict[int, tuple[Flow, ...]] = {}

    @property
    def signature(self) -> inspect.Signature:
        """How the original model is called."""
        return self.call.arguments.signature

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the arguments that the program takes."""
        return self.call.arguments.names

    @property
    def positional(self) -> bool:
        """Whether the arguments have to be passed by position, as `forward` takes `*args`."""
        return any(p.kind is p.VAR_POSITIONAL for p in self.signature.parameters.values())

    @property
    def example_batch(self) -> int:
        """Inferences of a pass over the example: 1 where no axis is a batch."""
        return next((self.examples[s] for s in self.batch), self.fixed_batch or 1)

    @functools.cached_property
    def valued(self) -> frozenset[sympy.Symbol]:
        """Free sizes that the program computes with as numbers, so that values grow with them."""
        numbers = [
            part.meta["val"]
            for node in self.graph_module.graph.nodes
            if node.target in _OF_NUMBERS
            for part in node.args[_OF_NUMBERS[node.target] :][:1]
            if isinstance(part, fx.Node)
        ]
        sizes = [number for number in numbers if isinstance(number, torch.SymInt | torch.SymFloat)]
        return frozenset(symbol for size in sizes for symbol in size.node.expr.free_symbols)

    @functools.cached_property
    def sites(self) -> tuple[Site, ...]:
        """Every place where a nonlinear function is evaluated, in order of execution.

        A recurrent cell comes back to its sites at each step: they are named once, with all steps' elements.
        """
        example = self._sizes(self.example_batch)
        elements: dict[str, int] = {}
        for node, module in self.site_nodes():
            elements[module.name] = elements.get(module.name, 0) + example.elements(node)
        modules = self.site_modules().values()
        return tuple(
            Site(m.name, m.function, per_inference(elements[m.name], self.example_batch), m.exact)
            for m in modules
        )

    @functools.cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every matrix product, in order of execution, with its sizes for one inference.

        Where the model fixes the batch, for a pass.
        """
        sizes = self._sizes(1)
        with self.settled():
            nodes = [node for node in self.graph_module.graph.nodes if node.op == "call_function"]
            found = [
                layer_of(node, step) for node in nodes if isinstance(step := self._step(node, sizes), list)
            ]
        return tuple(layer for layer in found if layer is not None)

    @property
    def functions(self) -> list[str]:
        """The functions that need approximating, sorted; piecewise linear ones do not."""
        return sorted({site.function for site in self.sites if not site.exact})

    def site_modules(self) -> dict[str, SiteModule]:
        """The module that serves each site, by the site's name."""
        return {module.name: module for _, module in self.site_nodes()}

    def certificate(self) -> Certificate:
        """What every node became; nothing nonlinear is left."""
        return certify(self.graph_module)

    def _repr_html_(self) -> str:
        """Show what the nodes became, and every site on demand, in a notebook."""
        cells = "".join(
            f"<tr><td>{escape(s.name)}</td><td>{escape(s.function)}</td><td>{s.elements:,}</td></tr>"
            for s in self.sites
        )
        head = "<tr><th>site</th><th>function</th><th>elements an inference</th></tr>"
        sites = f"<details><summary>{len(self.sites)} sites</summary><table>{head}{cells}</table></details>"
        return self.certificate()._repr_html_() + sites

    def workload(self, batch: int = 1, approximation: Approximation | None = None) -> Workload:
        """The work of one pass over `batch` inferences.

        Args:
            batch: inferences a pass.
            approximation: says how many segments each lookup addresses and how; the default one if None.

        Raises:
            ValueError: the model fixes another batch size, or no axis of the inputs is a batch.
        """
        if batch < 1:
            raise ValueError(f"batch = {batch}: must be an integer of at least 1")
        if not self.batch and batch != self.example_batch:
            raise ValueError(f"batch = {batch}: must be {self.example_batch}, {self._why_fixed()}")
        tables = approximation or Approximation()
        if batch not in self._steps:
            with self.settled():
                sizes = self._sizes(batch)
                self._steps[batch] = [self._step(node, sizes) for node in self.graph_module.graph.nodes]
        made = [step if isinstance(step, list) else [_lookup(*step, tables)] for step in self._steps[batch]]
        if batch not in self._flows:  # tables do not change what feeds what
            with self.settled():
                nodes = self.graph_module.graph.nodes
                self._flows[batch] = flow(zip(nodes, made, strict=True), self._sizes(batch))
        return Workload(itertools.chain(*made), batch, self._flows[batch])

    def _why_fixed(self) -> str:
        if self.fixed_batch is not None:
            return "which the model fixes"
        return (
            "as no axis of the inputs is a batch and a pass is one inference; dynamic_shapes with a "
            "Dim('batch') says which axis is"
        )

    def _step(self, node: fx.Node, sizes: Sizes) -> list[Operation] | tuple[Site, int]:
        """The work of a node, or, where that depends on the tables, its site and elements."""
        if node.op == "call_module":
            return self._site_of[str(node.target)], sizes.elements(node)
        if node.op != "call_function" or kind_of(node) is Kind.HOST:
            return []
        known = instruction_of(node)
        return [] if known is None else known.work(node, sizes)

    @functools.cached_property
    def _site_of(self) -> dict[str, Site]:
        named = {site.name: site for site in self.sites}
        return {str(node.target): named[module.name] for node, module in self.site_nodes()}

    def site_nodes(self) -> list[tuple[fx.Node, SiteModule]]:
        """Every evaluation of a site, in order: its node, and the module that serves it."""
        modules = dict(self.graph_module.named_modules())
        calls = [n for n in self.graph_module.graph.nodes if n.op == "call_module"]
        return [(node, m) for node in calls if isinstance(m := modules[str(node.target)], SiteModule)]

    def settled(self) -> AbstractContextManager[Any]:
        """While it lasts, whoever asks a free size for its value gets the example's and fixes nothing."""
        mode = fake_mode(self.graph_module)
        asked: AbstractContextManager[Any] = mode.shape_env.suppress_guards() if mode else nullcontext()
        return asked

    def _sizes(self, batch: int) -> Sizes:
        return Sizes(self.examples | dict.fromkeys(self.batch, batch))


def _lookup(site: Site, elements: int, tables: Approximation) -> Operation:
    """A site's work: an exact function has a segment between kinks, any other what the approximation says."""
    if site.exact:
        table = fit(site.function)
        return Lookup(elements, table.segments, table.addressing, name=site.name, table=site.function)
    spec = tables.spec(site)
    addressing = ADDRESSING.get(spec.placement, "comparator")
    return Lookup(
        elements=elements,
        segments=spec.segments,
        addressing=addressing,
        name=site.name,
        table=site.name,
        width=spec.width,
    )
