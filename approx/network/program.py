"""The matrix program: a network as instructions and sites, and the workload that it makes."""

import functools
import inspect
import itertools
from html import escape
from typing import Any

import sympy
import torch
from torch import fx

from accel_models import Flow, Lookup, Operation, Workload
from approx.cpwl import ADDRESSING, fit
from approx.network.approximation import Approximation
from approx.network.certificate import Certificate, certify, kind_of
from approx.network.choices import instruction_of
from approx.network.export import Exported
from approx.network.flow import flow
from approx.network.instructions import Kind, Sizes
from approx.network.site import Site, SiteModule, per_inference


class MatrixProgram:
    """A network as matrix operations only.

    Attributes:
        graph_module: the legalized graph; a `SiteModule` is called at each site.
        signature: how the original model is called.
        inputs: names of the inputs that the program takes.
        positional: the inputs are passed by position.
    """

    def __init__(self, graph_module: fx.GraphModule, exported: Exported) -> None:
        self.graph_module = graph_module
        self.signature: inspect.Signature = exported.signature
        self.inputs = exported.inputs
        self.positional = exported.positional
        self._batch_symbol: sympy.Symbol | None = exported.batch_symbol
        self._batch = exported.batch
        # What nodes ask for by batch size, which tables do not change: a search asks for many workloads.
        self._steps: dict[int, list[list[Operation] | tuple[Site, int]]] = {}
        self._flows: dict[int, tuple[Flow, ...]] = {}

    @functools.cached_property
    def sites(self) -> tuple[Site, ...]:
        """Every place where a nonlinear function is evaluated, in order of execution.

        A recurrent cell comes back to its sites at each step: they are named once, with all steps' elements.
        """
        example = self._sizes(self._batch)
        elements: dict[str, int] = {}
        for node, module in self.site_nodes():
            elements[module.name] = elements.get(module.name, 0) + example.elements(node)
        modules = self.site_modules().values()
        return tuple(
            Site(m.name, m.function, per_inference(elements[m.name], self._batch), m.exact) for m in modules
        )

    @functools.cached_property
    def constants(self) -> dict[str, tuple[int, Any]]:
        """Numbers and texts among the example inputs, by name: which of the inputs' leaves, and its value.

        Tracing makes them part of the program, so that no other value can be given for them.
        """
        inputs = [node for node in self.graph_module.graph.nodes if node.op == "placeholder"]
        values = {node.name: (i, node.meta.get("val")) for i, node in enumerate(inputs)}
        return {name: at for name, at in values.items() if not isinstance(at[1], torch.Tensor)}

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
        """The work of one pass over `batch` samples.

        Args:
            batch: samples a pass.
            approximation: says how many segments each lookup addresses and how; the default one if None.

        Raises:
            ValueError: the model fixes another batch size.
        """
        if batch < 1:
            raise ValueError(f"batch = {batch}: must be an integer of at least 1")
        if self._batch_symbol is None and batch != self._batch:
            raise ValueError(f"batch = {batch}: must be {self._batch}, which the model fixes")
        tables = approximation or Approximation()
        if batch not in self._steps:
            sizes = self._sizes(batch)
            self._steps[batch] = [self._step(node, sizes) for node in self.graph_module.graph.nodes]
        made = [step if isinstance(step, list) else [_lookup(*step, tables)] for step in self._steps[batch]]
        if batch not in self._flows:  # tables do not change what feeds what
            nodes = self.graph_module.graph.nodes
            self._flows[batch] = flow(zip(nodes, made, strict=True), self._sizes(batch))
        return Workload(itertools.chain(*made), batch, self._flows[batch])

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

    def _sizes(self, batch: int) -> Sizes:
        return Sizes(self._batch_symbol, batch)


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
