"""Saving a converted network, and loading it where the original model is not at hand.

A saved program is one safetensors file with its graph as JSON in the header (`approx.machine.file`). The same
file runs in torch, after `load`, and in numpy alone, by `approx.machine.load`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sympy
import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import fx, nn
from torch.fx.graph import _PyTreeCodeGen, _PyTreeInfo

from approx.cpwl import CpwlTable
from approx.machine.file import metadata, read, refused, write
from approx.network.approximation import Approximation
from approx.network.calibrate import Histogram
from approx.network.certificate import certify, kind_of
from approx.network.convert import ConvertedModule
from approx.network.export import Exported
from approx.network.graph_json import (
    FreeSizes,
    by_position,
    call,
    decode,
    encode,
    identifier,
    kwargs_json,
    op_name,
    place,
    value_json,
)
from approx.network.nodes import module_path
from approx.network.program import MatrixProgram
from approx.network.site import SiteModule
from approx.network.structure_json import signature, signature_json, structure, structure_json

_MALFORMED = (KeyError, TypeError, IndexError, AttributeError, RuntimeError, SyntaxError, AssertionError)
"""What a document that is not as `save` writes it can raise; RecursionError is a RuntimeError."""


def save(converted: ConvertedModule, path: str | Path) -> None:
    """Write a converted network: program, weights, tables and calibration, whole or not at all.

    Args:
        converted: stays as it is.
        path: of the file, by custom `.safetensors`; replaced if it exists.

    Raises:
        ValueError: the program holds something that a file cannot, or the file cannot be written.
    """
    path = Path(path)
    tensors: dict[str, torch.Tensor] = {}
    document = _document(path, converted, tensors)
    write(path, safetensors.save(tensors, metadata(document)))


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


# Saving


def _document(path: Path, converted: ConvertedModule, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    program = converted.program
    symbol = program._batch_symbol
    names: dict[sympy.Symbol, str] = {} if symbol is None else {symbol: "batch"}
    writer = _Writer(converted, names, tensors)
    codegen: Any = converted.program.graph_module.graph._codegen
    try:
        return {
            "versions": {name: _version(name) for name in ("neuralmatrix", "torch", "transformers")},
            "call": _call(program, codegen.pytree_info, batch_is_free=symbol is not None),
            "nodes": [writer.node(node) for node in converted.program.graph_module.graph.nodes],
            "output": structure_json(codegen.pytree_info.out_spec),
            "approximation": asdict(converted.approximation),
            "certificate": program.certificate().counts,
        }
    except ValueError as error:
        raise refused(path, f"cannot be written: {error}") from None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _call(program: MatrixProgram, info: _PyTreeInfo, batch_is_free: bool) -> dict[str, Any]:
    args, kwargs = (structure_json(child) for child in info.in_spec.children())
    parts = args["tuple"] if program.positional else [kwargs["dict"][name] for name in program.inputs]
    return {
        "parameters": signature_json(program.signature),
        "inputs": list(program.inputs),
        "positional": program.positional,
        "batch": program._batch,
        "batch_is_free": batch_is_free,
        "arguments": list(info.orig_args),
        "specification": {"tuple": [args, kwargs]},
        "structure": {"dict": dict(zip(program.inputs, parts, strict=True))},
    }


class _Writer:
    """Nodes as JSON, their tensors put aside."""

    def __init__(
        self, converted: ConvertedModule, names: dict[sympy.Symbol, str], tensors: dict[str, torch.Tensor]
    ) -> None:
        self.root = converted.program.graph_module
        self.histograms = converted._histograms
        self.names = names
        self.tensors = tensors
        self.keys: dict[int, str] = {}

    def node(self, node: fx.Node) -> dict[str, Any]:
        """One node."""
        write_op = {
            "placeholder": self._input,
            "get_attr": self._tensor,
            "call_module": self._site,
            "call_function": self._call,
            "output": self._output,
        }[node.op]
        try:
            return {"name": node.name, **write_op(node)}
        except ValueError as error:
            raise ValueError(
                f"node {node.name} of {module_path(node) or 'the model itself'}: {error}"
            ) from None

    def _input(self, node: fx.Node) -> dict[str, Any]:
        return {"op": "input", "value": value_json(node.meta.get("val"), self.names)}

    def _tensor(self, node: fx.Node) -> dict[str, Any]:
        path = str(node.target)
        parent, _, leaf = path.rpartition(".")
        module = self.root.get_submodule(parent)
        tensor = getattr(module, leaf)
        key = self.keys.setdefault(id(tensor), path)  # tied weights are stored once
        if key == path:
            self.tensors[key] = _stored(tensor)
        return {"op": "tensor", "target": path, "key": key, "role": _role(module, leaf)}

    def _site(self, node: fx.Node) -> dict[str, Any]:
        site: Any = self.root.get_submodule(str(node.target))
        return {
            "op": "site",
            "target": str(node.target),
            "site": site.name,
            "function": site.function,
            "args": encode(node.args),
            "value": value_json(node.meta.get("val"), self.names),
            "module": module_path(node),
            **self._table(str(node.target), site),
            "seen": self._histogram(str(node.target), site),
        }

    def _table(self, target: str, site: SiteModule) -> dict[str, Any]:
        if site.table is None:
            return {"table": None, "knots": None, "lines": None}
        keys = {name: f"{target}.{name}" for name in ("knots", "lines")}
        self.tensors.update({key: _stored(getattr(site, name)) for name, key in keys.items()})
        return {"table": site.table.to_dict(), **keys}

    def _histogram(self, target: str, site: SiteModule) -> dict[str, Any] | None:
        histogram = self.histograms.get(site.name)
        if histogram is None:
            return None
        codes = histogram.counts.nonzero().flatten()
        keys = {name: f"{target}.{name}" for name in ("codes", "counts")}
        self.tensors[keys["codes"]] = codes.to(torch.int32)
        self.tensors[keys["counts"]] = histogram.counts[codes].clone()
        return {"lowest": encode(histogram.lowest), "highest": encode(histogram.highest), **keys}

    def _call(self, node: fx.Node) -> dict[str, Any]:
        args, kwargs = by_position(node)
        return {
            "op": "call",
            "target": op_name(node.target),
            "kind": kind_of(node).value,
            "args": encode(args),
            "kwargs": kwargs_json(kwargs),
            "value": value_json(node.meta.get("val"), self.names),
            "module": module_path(node),
        }

    def _output(self, node: fx.Node) -> dict[str, Any]:
        results = node.args[0]
        return {"op": "output", "args": encode(results if isinstance(results, list | tuple) else [results])}


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    """A copy to write: on the CPU, dense, of its own memory."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _role(module: nn.Module, leaf: str) -> str:
    if leaf in module._parameters:
        return "parameter" if getattr(module, leaf).requires_grad else "frozen"
    kept = leaf in module._buffers and leaf not in module._non_persistent_buffers_set
    return "buffer" if kept else "constant"


# Loading


def _rebuilt(document: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> ConvertedModule:
    called = document["call"]
    sizes = FreeSizes(max(int(called["batch"]), 2))
    reader = _Reader(sizes, tensors)
    graph_module = reader.read(document["nodes"], called, document["output"])
    symbol = sizes.named("batch").node.expr if called["batch_is_free"] else None
    exported = Exported(
        graph_module=graph_module,
        signature=signature(called["parameters"]),
        inputs=tuple(called["inputs"]),
        positional=called["positional"],
        batch_symbol=symbol,
        batch=called["batch"],
    )
    _check_kinds(graph_module, document)
    converted = ConvertedModule(MatrixProgram(graph_module, exported))
    converted._histograms = reader.histograms
    converted.approximation = Approximation(**document["approximation"])
    _remember_fits(converted)
    return converted


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
            converted._fitted[site.name, spec] = tables[site.name]


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

    def read(self, nodes: list[dict[str, Any]], called: Mapping[str, Any], output: Any) -> fx.GraphModule:
        """The module that `_Writer` wrote."""
        for stated in nodes:
            self._node(stated)
        arguments = [identifier(name) for name in called["arguments"]]
        for name in called["specification"]["tuple"][1]["dict"]:  # torch.fx writes them into code
            identifier(name)
        info = _PyTreeInfo(arguments, structure(called["specification"]), structure(output))
        self._graph.set_codegen(_PyTreeCodeGen(info))
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

    def _histogram(self, seen: Mapping[str, Any]) -> Histogram:
        histogram = Histogram(lowest=decode(seen["lowest"], {}), highest=decode(seen["highest"], {}))
        histogram.counts[self._tensors[seen["codes"]].long()] = self._tensors[seen["counts"]]
        return histogram

    def _call(self, stated: Mapping[str, Any]) -> fx.Node:
        return self._valued(call(self._graph, stated, self._nodes), stated)

    def _output(self, stated: Mapping[str, Any]) -> fx.Node:
        node: fx.Node = self._graph.output(tuple(decode(stated["args"], self._nodes)))
        return node
