"""Rebuilding a saved network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import fx, nn

from approx.cpwl import CpwlTable
from approx.machine.decisions import Decision
from approx.machine.file import read
from approx.machine.sizes import InputSizes
from approx.network.approximation import Approximation
from approx.network.calibrate import Histogram
from approx.network.call import Arguments, Call, Returned
from approx.network.certificate import certify, kind_of
from approx.network.convert import ConvertedModule
from approx.network.fixed import Edge, Step, rounding
from approx.network.nodes import is_float
from approx.network.numerics import Numerics
from approx.network.program import MatrixProgram
from approx.network.saving.arguments import call, decode, identifier, place
from approx.network.saving.sizes import FreeSizes
from approx.network.saving.structure import signature, structure
from approx.network.site import SiteModule

_ANY = torch.empty(0)
"""Stands for a tensor of the example's."""
_MALFORMED = (KeyError, TypeError, IndexError, AttributeError, RuntimeError, SyntaxError, AssertionError)
"""What a document that is not as `save` writes it can raise; RecursionError is a RuntimeError."""


def load(path: str | Path) -> ConvertedModule:
    """Rebuild a saved network; it gives bit for bit what the saved one gave.

    Raises:
        ValueError: the file is damaged, altered, of a later format, or no program.
    """
    file = read(path)
    try:
        return _rebuilt(file.document, safetensors.load(file.content))
    except _MALFORMED as error:
        raise file.refused(f"its program is malformed ({type(error).__name__}: {error})") from None
    except (ValueError, SafetensorError) as error:
        raise file.refused(str(error)) from None


def _rebuilt(document: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> ConvertedModule:
    called = document["call"]
    stated = called["sizes"]
    sizes = FreeSizes(stated["free"])
    reader = _Reader(sizes, tensors)
    graph_module = reader.read(document["nodes"])
    names = {sizes.symbol(name): name for name in stated["free"]}
    program = MatrixProgram(
        graph_module,
        _call(called, document),
        names,
        {symbol: int(stated["free"][name]) for symbol, name in names.items()},
        frozenset(sizes.symbol(name) for name in stated["batch"]),
        stated["fixed_batch"],
    )
    _check_kinds(graph_module, document)
    converted = ConvertedModule(program, {path: tensors[key] for path, key in called["state"].items()})
    converted._histograms = reader.histograms
    converted.calibrated_sizes = {n: (int(low), int(high)) for n, (low, high) in stated["calibrated"].items()}
    converted.approximation = Approximation(**document["approximation"])
    _remember_fits(converted)
    converted._edges = {name: reader.edge(stated) for name, stated in document.get("edges", {}).items()}
    _restore_numerics(converted, document, tensors)
    return converted


def _call(called: Mapping[str, Any], document: Mapping[str, Any]) -> Call:
    """How the program is called; tensors among the example's leaves are stood for by empty ones."""
    inputs = [node for node in document["nodes"] if node["op"] == "input"]
    constants = {int(i): decode(value, {}) for i, value in called["constants"].items()}
    labels = tuple(str(label) for label in called["labels"])
    leaves = tuple(constants.get(i, _ANY) for i in range(len(labels)))
    by_name = called["structure"]["dict"]
    spec = structure({"tuple": [by_name[name] for name in called["inputs"]]})
    arguments = Arguments(signature(called["parameters"]), tuple(called["inputs"]), spec, labels, leaves)
    returned = Returned(
        structure(document["output"]), {int(i): decode(v, {}) for i, v in called["returned"].items()}
    )
    shapes = tuple(tuple(node["value"]["shape"]) for node in inputs[: len(arguments.tensors)])
    conditions = tuple(str(condition) for condition in called["sizes"]["conditions"])
    sizes = InputSizes(arguments.tensor_labels, shapes, conditions)
    decisions = tuple(
        Decision(decode(stated["value"], {}), str(stated["place"])) for stated in called.get("decisions", [])
    )
    return Call(arguments, returned, sizes, tuple(called["state"]), tuple(called["written"]), decisions)


def _restore_numerics(
    converted: ConvertedModule, document: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> None:
    """Run in the numbers that were saved, by the plan that was saved."""
    numerics = Numerics(**document.get("numerics", {}))
    if "fixed" not in document:
        converted.set_numerics(numerics)
        return
    fixed = document["fixed"]
    plan = {str(name): Step.from_dict(step) for name, step in fixed["plan"].items()}
    rounded = {str(name): tensors[key] for name, key in fixed.get("rounded", {}).items()}
    _check_rounded(converted, rounded)
    converted.set_plan(plan, int(fixed["accumulator"]), numerics, rounded)


def _check_rounded(converted: ConvertedModule, rounded: Mapping[str, torch.Tensor]) -> None:
    """Refuse integers of weights that are no layer's, or of another shape."""
    nodes = {node.name: node for node in converted.program.graph_module.graph.nodes}
    for name, integers in rounded.items():
        if name not in nodes or not rounding.served(nodes[name]):
            raise ValueError(f"rounded.{name}: must be the weights of a layer")
        wanted = nodes[name].args[1].meta["val"].shape
        if integers.dtype is not torch.int16 or integers.shape != wanted:
            raise ValueError(f"rounded.{name}: must be int16 of shape {tuple(wanted)}")


def _check_kinds(graph_module: fx.GraphModule, document: Mapping[str, Any]) -> None:
    stated = [node["kind"] for node in document["nodes"] if node["op"] == "call"]
    found = [kind_of(node).value for node in graph_module.graph.nodes if node.op == "call_function"]
    if stated != found or certify(graph_module).counts != document["certificate"]:
        raise ValueError("its certificate does not fit its graph")


def _remember_fits(converted: ConvertedModule) -> None:
    """Take the tables for those that the approximation asks for, unless training has changed them."""
    tables = converted.tables
    for site in converted.program.sites:
        spec = converted.approximation.spec(site)
        if site.name in tables and tables[site.name].bias == spec.bias:
            converted._fitted[site.name, spec, converted.approximation.clip] = tables[site.name]


class _Reader:
    """A graph from JSON, over modules that hold the tensors.

    Attributes:
        histograms: what calibration saw, by the site's name.
    """

    def __init__(self, sizes: FreeSizes, tensors: Mapping[str, torch.Tensor]) -> None:
        self.histograms: dict[str, Histogram] = {}
        self._sizes = sizes
        self._tensors = tensors
        self._shared: dict[str, torch.Tensor] = {}
        self._sites: set[str] = set()
        self._root = nn.Module()
        self._graph = fx.Graph()
        self._nodes: dict[str, fx.Node] = {}

    def read(self, nodes: list[dict[str, Any]]) -> fx.GraphModule:
        """The module that `_Writer` wrote."""
        for stated in nodes:
            self._node(stated)
        self._graph.lint()
        return fx.GraphModule(self._root, self._graph)

    def _node(self, stated: dict[str, Any]) -> None:
        read_op = {
            "input": self._input,
            "tensor": self._tensor,
            "site": self._site,
            "call": self._call,
            "output": self._output,
        }[stated["op"]]
        node = read_op(stated)
        node._rename(identifier(stated["name"]))
        if "module" in stated:
            node.meta["nn_module_stack"] = {"": (str(stated["module"]), "")}
        self._nodes[stated["name"]] = node

    def _valued(self, node: fx.Node, stated: Mapping[str, Any]) -> fx.Node:
        node.meta["val"] = self._sizes.value(stated["value"])
        return node

    def _input(self, stated: Mapping[str, Any]) -> fx.Node:
        return self._valued(self._graph.placeholder(identifier(stated["name"])), stated)

    def _tensor(self, stated: Mapping[str, Any]) -> fx.Node:
        module, leaf = place(self._root, stated["target"])
        tensor = self._shared_tensor(stated["key"], stated["role"])
        if isinstance(tensor, nn.Parameter):
            module.register_parameter(leaf, tensor)
        else:
            module.register_buffer(leaf, tensor, persistent=stated["role"] == "buffer")
        node = self._graph.get_attr(stated["target"])
        node.meta["val"] = self._sizes.fake_mode.from_tensor(tensor.detach(), static_shapes=True)
        if isinstance(tensor, nn.Parameter):
            node.meta["is_parameter"] = True
        return node

    def _shared_tensor(self, key: str, role: str) -> torch.Tensor:
        if key not in self._shared:
            tensor = self._tensors[key]
            is_parameter = {"parameter": True, "frozen": True, "buffer": False, "constant": False}[role]
            trained = role == "parameter"
            self._shared[key] = nn.Parameter(tensor, requires_grad=trained) if is_parameter else tensor
        return self._shared[key]

    def _site(self, stated: Mapping[str, Any]) -> fx.Node:
        if stated["target"] not in self._sites:  # a recurrent cell comes back to its sites
            self._sites.add(stated["target"])
            self._new_site(stated)
        arguments = tuple(decode(stated["args"], self._nodes))
        return self._valued(self._graph.call_module(stated["target"], arguments), stated)

    def _new_site(self, stated: Mapping[str, Any]) -> None:
        module, leaf = place(self._root, stated["target"])
        site = SiteModule(str(stated["site"]), str(stated["function"]))
        module.add_module(leaf, site)
        if stated["table"] is not None:
            site.set_table(CpwlTable.from_dict(stated["table"]))
            self._check_table(site, stated)
        if stated["seen"] is not None:
            self.histograms[site.name] = self._histogram(stated["seen"])

    def _check_table(self, site: SiteModule, stated: Mapping[str, Any]) -> None:
        for name in ("knots", "lines"):
            if not torch.equal(getattr(site, name), self._tensors[stated[name]]):
                raise ValueError(f"site {site.name}: its {name} are not those of its table")

    def edge(self, stated: list[Any]) -> Edge:
        """The range that `_Writer.edges` wrote."""
        lowest, highest, masked, seen = stated
        return Edge(lowest, highest, masked, None if seen is None else self._histogram(seen))

    def _histogram(self, seen: Mapping[str, Any]) -> Histogram:
        histogram = Histogram(lowest=decode(seen["lowest"], {}), highest=decode(seen["highest"], {}))
        histogram.counts[self._tensors[seen["codes"]].long()] = self._tensors[seen["counts"]]
        return histogram

    def _call(self, stated: Mapping[str, Any]) -> fx.Node:
        node = self._valued(call(self._graph, stated, self._nodes), stated)
        if stated["kind"] == "host" and not is_float(node.meta["val"]):
            node.meta["on_host"] = True  # integers of computed values that are put out and not read
        return node

    def _output(self, stated: Mapping[str, Any]) -> fx.Node:
        node: fx.Node = self._graph.output(tuple(decode(stated["args"], self._nodes)))
        return node
