"""Writing a converted network."""

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import torch as safetensors
from torch import fx, nn

from approx.machine.file import metadata, refused, seal, write
from approx.network.calibrate import Histogram
from approx.network.certificate import certify, kind_of
from approx.network.convert import ConvertedModule
from approx.network.expressions import Names
from approx.network.fixed.table import saved_table
from approx.network.nodes import module_path
from approx.network.saving.arguments import by_position, encode, kwargs_json, op_name
from approx.network.saving.constants import with_known_ops
from approx.network.saving.sizes import value_json
from approx.network.saving.structure import signature_json, structure_json
from approx.network.site import SiteModule


def save(converted: ConvertedModule, path: str | Path) -> None:
    """Write a converted network: program, weights, tables and calibration, whole or not at all.

    Args:
        converted: stays as it is.
        path: of the file, by custom `.safetensors`; replaced if it exists.

    Raises:
        ValueError: the program holds something that a file cannot, or the file cannot be written.
    """
    path = Path(path)
    try:
        content = _content(converted)
    except ValueError as error:
        raise refused(path, f"cannot be written: {error}") from None
    write(path, content)


def dumps(converted: ConvertedModule) -> bytes:
    """Return what `save` writes.

    Raises:
        ValueError: the program holds something that a file cannot.
    """
    return b"".join(seal(_content(converted)))


def _content(converted: ConvertedModule) -> bytes:
    tensors: dict[str, torch.Tensor] = {}
    document = _document(converted, tensors)
    return safetensors.save(tensors, metadata(document))


def _document(converted: ConvertedModule, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    program = converted.program
    root = with_known_ops(program.graph_module, exact=bool(converted.plan))
    writer = _Writer(converted, root, dict(program.names), tensors)
    return {
        "versions": {name: _version(name) for name in ("neuralmatrix", "torch", "transformers")},
        "call": _call(converted, tensors),
        "nodes": [writer.node(node) for node in root.graph.nodes],
        "output": structure_json(program.call.returned.spec),
        "approximation": asdict(converted.approximation),
        "certificate": certify(root).counts,
        "numerics": asdict(converted.numerics),
        "edges": writer.edges(),
        **({"fixed": _fixed(converted, tensors)} if converted.plan else {}),
    }


def _fixed(converted: ConvertedModule, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    plan = {name: step.to_dict() for name, step in converted.plan.items()}
    rounded = {name: f"rounded.{name}" for name in converted.rounded}
    tensors |= {key: converted.rounded[name].contiguous() for name, key in rounded.items()}
    return {"accumulator": converted.accumulator, "plan": plan, "rounded": rounded}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _call(converted: ConvertedModule, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    program, call = converted.program, converted.program.call
    arguments = call.arguments
    parts = [structure_json(part) for part in arguments.spec.children()]
    return {
        "parameters": signature_json(program.signature),
        "inputs": list(program.inputs),
        "structure": {"dict": dict(zip(program.inputs, parts, strict=True))},
        "labels": list(arguments.labels),
        "constants": _constants(arguments.leaves),
        "returned": {str(i): encode(value) for i, value in call.returned.constants.items()},
        "sizes": _sizes(converted),
        "state": {path: _state(path, value, tensors) for path, value in converted.states().items()},
        "written": list(call.written),
        "decisions": [{"value": encode(d.value), "place": d.place} for d in call.decisions],
    }


def _constants(leaves: tuple[Any, ...]) -> dict[str, Any]:
    """Numbers and texts among the inputs, by position."""
    fixed = {i: leaf for i, leaf in enumerate(leaves) if not isinstance(leaf, torch.Tensor)}
    return {str(i): encode(leaf) for i, leaf in fixed.items()}


def _sizes(converted: ConvertedModule) -> dict[str, Any]:
    program = converted.program
    return {
        "free": {name: program.examples[symbol] for symbol, name in program.names.items()},
        "batch": sorted(program.names[symbol] for symbol in program.batch),
        "fixed_batch": program.fixed_batch,
        "conditions": list(program.call.sizes.conditions),
        "calibrated": converted.calibrated_sizes,
        "served": converted.served_sizes(),
    }


def _state(path: str, value: torch.Tensor, tensors: dict[str, torch.Tensor]) -> str:
    """The key of a buffer's present value."""
    key = f"state.{path}"
    tensors[key] = _stored(value)
    return key


class _Writer:
    """Nodes as JSON, their tensors put aside."""

    def __init__(
        self,
        converted: ConvertedModule,
        root: fx.GraphModule,
        names: Names,
        tensors: dict[str, torch.Tensor],
    ) -> None:
        self.converted = converted
        self.root = root
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
            "seen": self._histogram(str(node.target), self.histograms.get(site.name)),
            **self._integers(node, site),
        }

    def _integers(self, node: fx.Node, site: SiteModule) -> dict[str, Any]:
        """The table's integers, in fixed point; they depend on the word that this call reads."""
        source: Any = node.args[0]
        if site.table is None or node.name not in self.converted.plan:
            return {}
        bits = self.converted.table_bits(next(s for s in self.converted.program.sites if s.name == site.name))
        return {"fixed": saved_table(site.table, bits, self.converted.plan[source.name].word)}

    def edges(self) -> dict[str, Any]:
        """The calibrated range of every value, and the histogram of those that matrix products read."""
        return {
            name: [edge.lowest, edge.highest, edge.masked, self._histogram(f"edges.{name}", edge.histogram)]
            for name, edge in self.converted._edges.items()
            if edge.seen
        }

    def _table(self, target: str, site: SiteModule) -> dict[str, Any]:
        if site.table is None:
            return {"table": None, "knots": None, "lines": None}
        keys = {name: f"{target}.{name}" for name in ("knots", "lines")}
        self.tensors.update({key: _stored(getattr(site, name)) for name, key in keys.items()})
        return {"table": site.table.to_dict(), **keys}

    def _histogram(self, target: str, histogram: Histogram | None) -> dict[str, Any] | None:
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
