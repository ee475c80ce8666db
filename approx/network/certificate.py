"""The certificate: what every node of a program became."""

import operator
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from torch import fx

from approx.network.choices import instruction_of, jumps
from approx.network.host import on_host
from approx.network.instructions import Kind
from approx.network.nodes import module_path
from approx.network.site import SiteModule


@dataclass(frozen=True)
class Entry:
    """One node: its name, its op, the kind of instruction that it is, and the module that it came from."""

    node: str
    op: str
    kind: Kind
    module: str


@dataclass(frozen=True)
class Certificate:
    """What became of every node.

    Attributes:
        entries: one for each computing node, in order.
        counts: nodes of each kind.
        functions: sites of each nonlinear function.
        jumps: names of the nodes whose value jumps where a computed value crosses a threshold: comparisons,
            roundings to whole numbers and orders. Near a jump a small error of what is compared changes the
            result by the whole jump; no error of a table bounds that.
    """

    entries: tuple[Entry, ...]
    counts: dict[str, int]
    functions: dict[str, int]
    jumps: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Counts of kinds, sites of functions, then a line a node."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.counts.items())
        sites = ", ".join(f"{count} {name}" for name, count in sorted(self.functions.items()))
        rows = [f"{e.kind.value:9} {e.node:32} {e.op:36} {e.module}".rstrip() for e in self.entries]
        jumps = [f"jumps: {len(self.jumps)}, at {', '.join(self.jumps)}"] if self.jumps else []
        return "\n".join([f"{len(self.entries)} nodes: {kinds}", f"sites: {sites or 'none'}", *jumps, *rows])

    def _repr_html_(self) -> str:
        """Show the summary, and each node on demand, in a notebook."""
        summary, sites, *rows = (escape(line) for line in str(self).splitlines())
        nodes = "\n".join(rows)
        return f"<p>{summary}<br>{sites}</p><details><summary>nodes</summary><pre>{nodes}</pre></details>"


def certify(graph_module: fx.GraphModule) -> Certificate:
    """Read the certificate off a legalized graph."""
    entries = tuple(_entries(graph_module))
    kinds = Counter(entry.kind.value for entry in entries)
    functions = Counter(m.function for m in graph_module.modules() if isinstance(m, SiteModule))
    jumping = tuple(
        node.name for node in graph_module.graph.nodes if node.op == "call_function" and jumps(node)
    )
    return Certificate(entries, {kind.value: kinds[kind.value] for kind in Kind}, dict(functions), jumping)


def _entries(graph_module: fx.GraphModule) -> Iterator[Entry]:
    for node in graph_module.graph.nodes:
        if node.op == "call_module":
            site = graph_module.get_submodule(str(node.target))
            yield Entry(node.name, f"lookup {site.function}", Kind.LOOKUP, module_path(node))
        elif node.op == "call_function":
            yield Entry(node.name, str(node.target), kind_of(node), module_path(node))


def kind_of(node: fx.Node) -> Kind:
    """The kind of a legalized call."""
    if node.op == "call_module":
        return Kind.LOOKUP
    if on_host(node):
        return Kind.HOST
    known = instruction_of(node)
    return Kind.MOVE if known is None or node.target is operator.getitem else known.kind
