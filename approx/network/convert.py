"""Conversion: a model in, the same model as matrix operations and tables out."""

import functools
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from accel_models import Workload
from approx.cpwl import CpwlTable, Density, fit, get_function
from approx.network import softmaxes
from approx.network.alike import with_shared_ranges
from approx.network.approximation import Approximation, TableSpec
from approx.network.calibrate import Histogram, calibrated_domain, undefined
from approx.network.call import ExampleInputs, split
from approx.network.far import reaching
from approx.network.fixed import Edge, Plan, Recorder, build, can_be_masked, emulation, rounding
from approx.network.fixed.table import quantised
from approx.network.floors import floors
from approx.network.fuse import fuse
from approx.network.half import in_half_precision
from approx.network.layers import Layer
from approx.network.numerics import Numerics
from approx.network.program import MatrixProgram
from approx.network.quality import Quality
from approx.network.site import Site
from approx.network.tracing import trace

PADDED = 4
"""Calibration batches that run once more with padding, where their masks hid nothing."""
SAMPLES = 16
"""Calibration batches whose inputs are kept, for what is calibrated later."""
KEPT = 2
"""Number formats whose emulation is kept, for a search that goes to and fro between them."""


def convert(
    model: nn.Module,
    example_inputs: ExampleInputs,
    approximation: Approximation | None = None,
    calibration: Iterable[ExampleInputs] | None = None,
    numerics: Numerics | None = None,
    dynamic_shapes: Any = None,
) -> "ConvertedModule":
    """Convert `model` to matrix operations and CPWL tables.

    Args:
        model: any module that torch.export takes; it is not changed.
        example_inputs: a tuple of positional or a dict of keyword arguments.
        approximation: the tables; 16 minimax segments a site if None.
        calibration: batches like `example_inputs` that show each site's range; without them every site
            gets its function's default domain.
        numerics: the number formats; float32 if None. Fixed point needs the calibration.
        dynamic_shapes: which axes of the inputs are free, as `trace` takes it.

    Raises:
        UnsupportedOperator: an op has no rule, or torch.export cannot trace the model.
        ValueError: the inputs, a table or a number format do not fit the model.
    """
    program = trace(model, example_inputs, dynamic_shapes)
    converted = ConvertedModule(program, {path: model.get_buffer(path) for path in program.call.state})
    if calibration is not None:
        converted.calibrate(calibration)
    converted.set_approximation(approximation or Approximation())
    if numerics is not None:
        converted.set_numerics(numerics)
    return converted


class ConvertedModule(nn.Module):
    """A converted network: called like the model, returns what the model returns.

    Attributes:
        program: the matrix program that runs.
        state: buffers that the model writes, which calls read and change.
        calibrated_sizes: the least and the largest of free sizes, but for the batch, that calibration had.
        approximation: the tables it runs with.
        numerics: the number formats it runs in.
        plan: the integers of every instruction, in fixed point; else empty.
        accumulator: bits of partial sums in fixed point; else None.
    """

    def __init__(self, program: MatrixProgram, state: Mapping[str, torch.Tensor] | None = None) -> None:
        super().__init__()
        self.program = program
        self.state = nn.Module()
        for path, value in (state or {}).items():
            self.state.register_buffer(_state_name(path), value.detach().clone())
        self.graph_module = fuse(program.graph_module)
        self.approximation = Approximation.exact()
        self.numerics = Numerics()
        self.plan: Plan = {}
        self.accumulator: int | None = None
        self._quality = Quality()
        self.calibrated_sizes: dict[str, tuple[int, int]] = {}
        self._edges: dict[str, Edge] = {}
        self._histograms: dict[str, Histogram] = {}
        self._fitted: dict[tuple[str, TableSpec, float], CpwlTable] = {}
        self.rounded: dict[str, torch.Tensor] = {}
        self._samples: list[list[Any]] = []
        self._moments: rounding.Moments = {}
        self._integers: rounding.Found = {}
        self._emulations: dict[Numerics, tuple[Plan, dict[str, int], fx.GraphModule]] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program on the model's own arguments.

        Buffers and inputs that the model writes have their new values afterwards, as with the model.

        Raises:
            ValueError: an argument, a container, a size, a number or a text that the program does not serve.
        """
        call = self.program.call
        inputs = [*call.inputs(args, kwargs, self.served_sizes()), *self._state()]
        self._quality.compare(self)
        results = self.graph_module(*inputs)
        returned, written = call.parted(results)
        with torch.no_grad():
            for position, new in zip(call.written, written, strict=True):
                inputs[position].copy_(new)
        return call.returned.filled(returned)

    def _note_sizes(self, inputs: list[torch.Tensor]) -> None:
        """Note the least and the largest of every free size that counts no inferences."""
        program = self.program
        free = program.call.sizes.check([x.shape for x in inputs[: len(program.call.sizes.shapes)]])
        counting = {program.names[symbol] for symbol in program.batch - program.valued}
        for name, size in free.items():
            if name not in counting:
                low, high = self.calibrated_sizes.get(name, (size, size))
                self.calibrated_sizes[name] = min(low, size), max(high, size)

    def served_sizes(self) -> dict[str, tuple[int, int]]:
        """The least and the largest of free sizes, but for the batch, that tables and words were made for.

        Sums grow with what they run over: tables hold on the calibrated range, and the sums of fixed point
        have the terms of the example.
        """
        if self.approximation.is_exact and not self.plan:
            return {}
        program = self.program
        examples = {program.names[symbol]: size for symbol, size in program.examples.items()}
        sizes = self.calibrated_sizes.items()
        return {n: (low, min(high, examples[n]) if self.plan else high) for n, (low, high) in sizes}

    def states(self) -> dict[str, torch.Tensor]:
        """Present values of the buffers that the model writes, by their names in the model."""
        return dict(zip(self.program.call.state, self._state(), strict=True))

    def _state(self) -> list[torch.Tensor]:
        """Buffers that the program reads as inputs."""
        return [self.state.get_buffer(_state_name(path)) for path in self.program.call.state]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every matrix product, by the names that `Numerics(layers=)` gives widths to."""
        return self.program.layers

    @property
    def tables(self) -> dict[str, CpwlTable]:
        """The table of every site that has one, by the site's name."""
        modules = self.program.site_modules().items()
        return {name: module.table for name, module in modules if module.table is not None}

    def calibrate(self, batches: Iterable[ExampleInputs]) -> None:
        """See every value's range and every site's inputs, under the true functions, in float32.

        Tables are then fitted to that, and words of fixed point have the fractions that hold it.

        A site that no finite input reached keeps its function's default domain, and a UserWarning names it.

        Raises:
            ValueError: there is no batch.
        """
        modules = self.program.site_modules()
        present, numerics = self.approximation, self.numerics
        self.set_numerics(Numerics())
        self.set_approximation(Approximation.exact())
        for module in modules.values():
            module.histogram = Histogram()
        recorder = Recorder(self.program.graph_module)
        self.calibrated_sizes = {}
        try:
            samples = self._run(recorder, batches)
            self._edges = with_shared_ranges(self.program.graph_module.graph, recorder.edges)
            self._histograms = {name: m.histogram for name, m in modules.items() if m.histogram is not None}
            self._widen()
            self._rise()
        finally:
            for module in modules.values():
                module.histogram = None
        self._quality.keep(samples, self.program.graph_module)
        unseen = [name for name, histogram in self._histograms.items() if histogram.span() is None]
        if unseen:
            warnings.warn(
                f"calibration reached no finite input of {', '.join(unseen)}: fitted on the default domain",
                stacklevel=2,
            )
        beyond = [
            name
            for name, histogram in self._histograms.items()
            if (span := histogram.span()) and undefined(get_function(modules[name].function), span)
        ]
        if beyond:
            warnings.warn(
                f"calibration reached inputs of {', '.join(beyond)} for which the function is not a number: "
                "the network is right only if it leaves these results out, as torch.where does",
                stacklevel=2,
            )
        self._fitted.clear()
        self.set_approximation(present)
        self.set_numerics(numerics)

    def _widen(self) -> None:
        """Let ranges and domains hold what a mask that calibration did not see can make of a softmax."""
        graph = self.program.graph_module.graph
        for target in softmaxes.widen(graph, can_be_masked(graph), self._edges):
            site: Any = self.program.graph_module.get_submodule(target)
            histogram = self._histograms.get(site.name)
            if histogram is not None and histogram.span() is not None:
                histogram.lowest = min(histogram.lowest, 1.0)

    def _rise(self) -> None:
        """Let domains begin above a floor that only rows of one value lie on."""
        for node in floors(self.program.graph_module):
            source: Any = node.args[0]
            site: Any = self.program.graph_module.get_submodule(str(node.target))
            edge, histogram = self._edges[source.name], self._histograms.get(site.name)
            if histogram is not None and histogram.lowest < edge.above <= histogram.highest:
                histogram.lowest = edge.above

    @torch.no_grad()
    def _run(self, recorder: Recorder, batches: Iterable[ExampleInputs]) -> list[Any]:
        """Run the batches, the first once more with padding where masks hid nothing; return the first."""
        first: list[list[Any]] = []
        call, state = self.program.call, self._state()
        for batch in batches:
            inputs = [*call.inputs(*split(batch)), *state]
            first += [list(inputs)] if len(first) < SAMPLES else []
            self._note_sizes(inputs)
            results = recorder.run(*inputs, enable_io_processing=False)
            for position, new in zip(call.written, call.parted(results)[1], strict=True):
                inputs[position] = new  # one batch after another, as calls are; what is given stays as it is
            state = inputs[len(inputs) - len(state) :]
        if not first:
            raise ValueError("calibration = no batch: must hold at least one")
        recorder.hides = recorder.never_masked()
        self._samples, self._moments, self._integers = first, {}, {}
        for leaves in first[:PADDED] if recorder.hides else []:
            recorder.run(*leaves, enable_io_processing=False)
        return first[0]

    def set_approximation(self, approximation: Approximation, numerics: Numerics | None = None) -> None:
        """Give every site the table that `approximation` asks for; nothing is traced or compiled again.

        Args:
            approximation: the tables.
            numerics: other number formats to run them in, as `set_numerics`.

        Raises:
            ValueError: an override answers to no site, a table cannot be fitted, or as `set_numerics`.
        """
        approximation.check(self.program.sites)
        modules = self.program.site_modules()
        tables = {
            s.name: None if approximation.is_exact else self.table_for(s, approximation)
            for s in self.program.sites
        }
        for name, table in tables.items():
            modules[name].set_table(table)
        self.approximation = approximation
        numerics = numerics or self.numerics
        if numerics.is_fixed or numerics != self.numerics:
            self.set_numerics(numerics)

    def set_numerics(self, numerics: Numerics) -> None:
        """Run in other number formats from now on; nothing is traced again, and float weights are kept.

        Raises:
            ValueError: fixed point without calibration, an op that has no fixed-point form, a table that so
                few bits cannot hold, or an accumulator that some layer can overflow; names the layer and the
                width that is enough.
        """
        if not numerics.is_fixed:
            program, data = self.program.graph_module, numerics.data
            module = fuse(program) if data == "fp32" else in_half_precision(program, data)
            self._run_as(module, numerics, {}, None)
            return
        if not self._edges:
            raise ValueError(
                f"data = {numerics.data!r}: activations were never calibrated: convert with calibration "
                "batches, or call calibrate"
            )
        plan, accumulator = self._built(numerics)
        rounded = self._calibrated(plan) if numerics.rounding == "calibrated" else {}
        self.set_plan(plan, accumulator, numerics, rounded)

    def _calibrated(self, plan: Plan) -> dict[str, torch.Tensor]:
        """Weights as integers that calibration data choose, by the layer's node."""
        program = self.program.graph_module
        if not self._samples:
            raise ValueError(
                "rounding = 'calibrated': needs calibration data, which a file does not hold: call calibrate"
            )
        if not self._moments:
            self._moments = rounding.moments(program, self._samples)
        return dict(rounding.integers(program, plan, self._moments, self._integers))

    def accumulator_for(self, numerics: Numerics) -> int | None:
        """Bits of partial sums that no layer can overflow in some numerics; None where they are floats.

        Raises:
            ValueError: as `set_numerics`.
        """
        if not numerics.is_fixed:
            return None
        return self._built(numerics)[1]

    def _built(self, numerics: Numerics) -> tuple[Plan, int]:
        with self.program.settled():
            return build(self.program.graph_module, self._edges, numerics)

    def set_plan(
        self, plan: Plan, accumulator: int, numerics: Numerics, rounded: Mapping[str, torch.Tensor]
    ) -> None:
        """Run in fixed point by a plan that `numerics` made; what a saved program does.

        `rounded`: integers that calibration chose for layers' weights, by the layer's node.
        """
        widths = {site.name: self.table_bits(site, numerics) for site in self.program.sites}
        known = self._emulations.pop(numerics, None)
        if known is None or known[:2] != (plan, widths) or rounded:
            with self.program.settled():
                made = emulation(self.program.graph_module, plan, widths.__getitem__, rounded)
            known = plan, widths, made
        self._emulations = dict([*self._emulations.items(), (numerics, known)][-KEPT:])
        self._run_as(known[2], numerics, plan, accumulator)
        self.rounded = dict(rounded)

    def unfused(self) -> fx.GraphModule:
        """What runs, every step by itself."""
        program = self.program.graph_module
        if self.plan:
            widths = {site.name: self.table_bits(site) for site in self.program.sites}
            return emulation(program, self.plan, widths.__getitem__, self.rounded, fused=False)
        return program if self.numerics.data == "fp32" else in_half_precision(program, self.numerics.data)

    def _apply(self, fn: Any, recurse: bool = True) -> "ConvertedModule":
        self._emulations.clear()  # what is not run now would stay on its device
        moved: ConvertedModule = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return moved

    def _run_as(
        self, module: fx.GraphModule, numerics: Numerics, plan: Plan, accumulator: int | None
    ) -> None:
        module.train(self.training)
        self.graph_module, self.numerics, self.rounded = module, numerics, {}
        self.plan, self.accumulator = plan, accumulator

    def table_bits(self, site: Site, numerics: Numerics | None = None) -> int:
        """Bits of a site's table in fixed point: its own width, or that of the numerics."""
        width = None if self.approximation.is_exact else self.approximation.spec(site).width
        return width or (numerics or self.numerics).table_bits

    def stored_tables(self) -> dict[str, CpwlTable]:
        """The tables as a parameter buffer holds them: in integers in fixed point, else as they are.

        By the site's name; where one is evaluated several times on words of other steps, by name and number.
        """
        if not self.plan:
            return self.tables
        sites = {site.name: site for site in self.program.sites}
        found: dict[str, dict[CpwlTable, None]] = {}
        for node, module in self.program.site_nodes():
            source: Any = node.args[0]
            if module.table is not None and source.name in self.plan:
                bits, word = self.table_bits(sites[module.name]), self.plan[source.name].word
                found.setdefault(module.name, {})[quantised(module.table, bits, word)] = None
        return {
            name if number == 0 else f"{name}.{number + 1}": table
            for name, tables in found.items()
            for number, table in enumerate(tables)
        }

    def workload(self, batch: int = 1) -> Workload:
        """The work of one pass over `batch` samples with the present tables.

        Where numerics give layers widths of their own, products have theirs, whatever a design's width is.
        """
        work = self.program.workload(batch, self.approximation)
        return self.numerics.precision.apply(work) if self.numerics.layers else work

    def save(self, path: str | Path) -> None:
        """Write program, weights, tables and calibration to one file; see `approx.network.saving.save`."""
        from approx.network import saving  # which builds on this module

        saving.save(self, path)

    def domain(self, site: Site, clip: float = 0.0) -> tuple[float, float]:
        """Where the site's table is fitted: the calibrated range, short of what the tails cover exactly."""
        function = get_function(site.function)
        histogram = self._histograms.get(site.name)
        seen = None if histogram is None else histogram.span(clip)
        if histogram is None or seen is None:
            return function.domain
        if undefined(function, seen):
            seen = histogram.least_above(function.support[0]) or seen[0], seen[1]
        return calibrated_domain(function, seen)

    def density(self, name: str) -> Density | None:
        """The calibrated inputs of a site, by its name, inside its table's domain; None if none was seen."""
        site = next(site for site in self.program.sites if site.name == name)
        histogram = self._histograms.get(name)
        return None if histogram is None else histogram.density(self.domain(site, self.approximation.clip))

    def table_for(self, site: Site, approximation: Approximation) -> CpwlTable:
        """Return the table that an approximation gives a site; nothing is changed.

        Raises:
            ValueError: it cannot be fitted.
        """
        spec = approximation.spec(site)
        key = (site.name, spec, approximation.clip)
        if key not in self._fitted:
            try:
                self._fitted[key] = self._fit(site, spec, approximation.clip)
            except ValueError as error:
                raise ValueError(f"site {site.name}: {error}") from error
        return self._fitted[key]

    def _fit(self, site: Site, spec: TableSpec, clip: float) -> CpwlTable:
        domain = self.domain(site, clip)
        table = fit(
            site.function,
            segments=spec.segments,
            placement=spec.placement,
            bias=spec.bias,
            domain=domain,
            density=self._density(site, domain, spec),
        )
        most = self._largest_sums.get(site.name, 0) if site.name in self._histograms else 0
        return reaching(table, float(most)) if most > domain[1] else table

    @functools.cached_property
    def _largest_sums(self) -> dict[str, int]:
        """What a softmax's sum can be where all is masked, by the name of the site that reads it."""
        graph = self.program.graph_module.graph
        with self.program.settled():
            sums = softmaxes.largest_sums(graph, can_be_masked(graph))
        modules = dict(self.program.graph_module.named_modules())
        return {str(modules[target].name): most for target, most in sums.items()}

    def _density(self, site: Site, domain: tuple[float, float], spec: TableSpec) -> Density | None:
        """The calibrated histogram, for the fits that weigh by it."""
        histogram = self._histograms.get(site.name)
        if histogram is None or (spec.placement != "density" and spec.bias not in ("least_squares", "mean")):
            return None
        return histogram.density(domain)


def _state_name(path: str) -> str:
    return path.replace(".", "_")
