"""Quality: how far a network is from its exact conversion on calibration data, and where that begins.

A network in numbers that do not hold it would run without complaint and give noise. The first time that it
runs in some numbers, a few calibration samples run too, and a `QualityWarning` says if they come out far off.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from approx.network.choices import counts_periods
from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.nodes import arguments, label
from approx.network.numerics import Numerics
from approx.network.site import SiteModule

if TYPE_CHECKING:
    from approx.network.convert import ConvertedModule

FAR = 0.3
"""Distance of the outputs, as a share of their size, from which on a warning is given."""
ASTRAY = 0.05
"""Error of an angle, in radians, from which on a warning is given."""
SAMPLES = 8
_BLAMED = 3
_COPIES = re.compile(r"^(fixed_|rounded_|fused_)+")


class QualityWarning(UserWarning):
    """A converted network's outputs are far from those of its exact conversion on the calibration data."""


@dataclass
class Quality:
    """What is compared, and for which numbers it has been.

    Attributes:
        inputs: some calibration samples, as the program takes them.
        outputs: what the exact conversion gives for them.
        compared: the numbers that were compared.
    """

    inputs: list[Any] | None = None
    outputs: list[Tensor] = field(default_factory=list)
    compared: set[Numerics] = field(default_factory=set)

    @torch.no_grad()
    def keep(self, inputs: list[Any], program: fx.GraphModule) -> None:
        """Take samples of a calibration batch, and what the program gives while its functions are true."""
        self.inputs = _few(inputs, program)
        self.outputs = _floats(_run(program, self.inputs))
        self.compared.clear()

    @torch.no_grad()
    def compare(self, converted: ConvertedModule) -> None:
        """Warn, once for each number format, if the outputs are far from the exact conversion's."""
        name = converted.numerics.label
        if self.inputs is None or converted.numerics in self.compared:
            return
        self.compared.add(converted.numerics)
        if converted.approximation.is_exact and name == "fp32":
            return
        found = distance(_floats(_run(converted.graph_module, self.inputs)), self.outputs)
        if not found <= FAR:
            shown = f"{found:.0%}" if found < 10 else "more than 1000%"
            warnings.warn(
                f"in {name} the outputs on calibration data are {shown} from the exact conversion's; "
                f"the error begins at {', '.join(self._blamed(converted))}",
                QualityWarning,
                stacklevel=3,
            )
        self._compare_angles(converted, name)

    def _compare_angles(self, converted: ConvertedModule, name: str) -> None:
        """Warn of a sine or cosine of many periods whose angle is off: its result is off by as much."""
        program = converted.program.graph_module
        counts = [node for node in program.graph.nodes if counts_periods(node)]
        if not counts:
            return
        exact, given = self._both(converted)
        for node in counts:
            angle: Any = arguments(arguments(node)[0])[0]
            if not {angle.name} <= exact.keys() & given.keys():
                continue
            off = float((given[angle.name].double() - exact[angle.name].double()).square().mean().sqrt())
            if not off <= ASTRAY:
                warnings.warn(
                    f"in {name} the angle that {label(node)} reduces by its periods is {off:.2g} off on "
                    "calibration data (root mean square), and its sine or cosine by as much: what the "
                    f"angle is computed from has too few bits for so many periods{_remedy(converted, angle)}",
                    QualityWarning,
                    stacklevel=4,
                )

    def _both(self, converted: ConvertedModule) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Every value of the exact conversion, and of the present one."""
        assert self.inputs is not None  # noqa: S101 - the caller has looked
        program = converted.program.graph_module
        with _true_functions(program):
            exact = _values(program, self.inputs)
        return exact, _values(converted.unfused(), self.inputs)

    def _blamed(self, converted: ConvertedModule) -> list[str]:
        """Where the error grows most from what a node reads to what it gives."""
        program = converted.program.graph_module
        exact, given = self._both(converted)
        errors = {name: distance([given[name]], [exact[name]]) for name in exact.keys() & given.keys()}
        grown: list[tuple[float, str]] = []
        for node in program.graph.nodes:
            if node.name in errors and node.op in ("call_function", "call_module", "placeholder"):
                before = max((errors.get(n.name, 0.0) for n in node.all_input_nodes), default=0.0)
                grown.append((min(errors[node.name], 1.0) - min(before, 1.0), _name(program, node)))
        return [name for _, name in sorted(grown, key=lambda pair: -pair[0])[:_BLAMED]]


def _remedy(converted: ConvertedModule, angle: fx.Node) -> str:
    """What would give an angle more bits: the products that it is made of by element-wise work, wider."""
    numerics = converted.numerics
    layers = sorted(set(_products(angle))) if numerics.is_fixed else []
    if not layers or numerics.operand_bits >= numerics.word_bits:
        return ""
    wide = {"weights": numerics.word_bits, "activations": numerics.word_bits}
    return f"; Numerics({numerics.data!r}, layers={dict.fromkeys(layers, wide)}) has more"


def _products(node: fx.Node) -> Iterator[str]:
    """The names of matrix products that a value is made of by element-wise work and moves."""
    known = INSTRUCTIONS.get(node.target) if node.op == "call_function" else None
    if known is not None and known.kind is Kind.GEMM:
        yield label(node)
    elif known is not None and known.kind in (Kind.HADAMARD, Kind.MOVE):
        for source in node.all_input_nodes:
            yield from _products(source)


def distance(given: list[Tensor], wanted: list[Tensor]) -> float:
    """Root of the squared difference of all numbers over that of the wanted ones; infinite if it is none."""
    apart = sum(float((a.double() - b.double()).square().sum()) for a, b in zip(given, wanted, strict=True))
    size = sum(float(b.double().square().sum()) for b in wanted)
    if size == 0:
        return 0.0 if apart == 0 else float("inf")
    ratio: float = (apart / size) ** 0.5
    return ratio if ratio == ratio else float("inf")


def _few(inputs: list[Any], program: fx.GraphModule) -> list[Any]:
    """A few samples of a batch, where its size is free and the first of every input."""
    nodes = [n for n in program.graph.nodes if n.op == "placeholder"]
    tensors = [(x, n.meta.get("val")) for x, n in zip(inputs, nodes, strict=True) if isinstance(x, Tensor)]
    free = all(v.dim() > 0 and isinstance(v.shape[0], torch.SymInt) for _, v in tensors)
    if not free or len({x.shape[0] for x, _ in tensors}) != 1:
        return inputs
    return [x[:SAMPLES] if isinstance(x, Tensor) else x for x in inputs]


def _run(module: fx.GraphModule, inputs: list[Any]) -> Any:
    return fx.Interpreter(module).run(*_there(inputs, module), enable_io_processing=False)


def _values(module: fx.GraphModule, inputs: list[Any]) -> Mapping[str, Tensor]:
    """Every float value of a program, by the name of its node before it was copied."""
    keeper = _Keeper(module)
    keeper.run(*_there(inputs, module), enable_io_processing=False)
    return keeper.values


class _Keeper(fx.Interpreter):
    """Runs a program and keeps every value."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one node and keep its value."""
        value = super().run_node(n)
        if isinstance(value, Tensor) and value.is_floating_point():
            self.values[_COPIES.sub("", n.name)] = value
        return value


def _there(inputs: list[Any], module: fx.GraphModule) -> list[Any]:
    """Inputs on the device of a module's parameters."""
    device = next((p.device for p in module.parameters()), None)
    return [x.to(device) if isinstance(x, Tensor) and device is not None else x for x in inputs]


@contextmanager
def _true_functions(program: fx.GraphModule) -> Iterator[None]:
    """Serve every site by its true function for a while."""
    sites = [m for m in program.modules() if isinstance(m, SiteModule)]
    tables = [site.table for site in sites]
    try:
        for site in sites:
            site.table = None
        yield
    finally:
        for site, table in zip(sites, tables, strict=True):
            site.table = table


def _floats(outputs: Any) -> list[Tensor]:
    leaves = pytree.tree_leaves(outputs)
    return [x for x in leaves if isinstance(x, Tensor) and x.is_floating_point()]


def _name(program: fx.GraphModule, node: fx.Node) -> str:
    """What people read: the site's name, or the module and the op."""
    site = program.get_submodule(str(node.target)) if node.op == "call_module" else None
    return site.name if isinstance(site, SiteModule) else label(node)
