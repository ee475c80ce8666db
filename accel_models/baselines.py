"""What running nonlinear functions as matrix work gains or costs: the same array with other ways to run them.

Both baselines keep every operation but the Lookups on the array and cost those elsewhere, on units beside the
array or on a host over a link. The tables, their buffer and the addressing units are then not built.
"""

from dataclasses import dataclass, replace
from typing import Any

from accel_models.checks import FloatRange, IntRange
from accel_models.cost import CostReport
from accel_models.design import Design
from accel_models.evaluation import evaluate
from accel_models.hardware import BITS
from accel_models.technology import Cell, dram_pj_per_byte, load_technology
from accel_models.workload import Lookup, Workload

UNITS_MAC = "int32-32"
"""The multiply-add of dedicated units, as a technology file names it."""

_COUNT = IntRange(1, 1 << 20)
_NO_TABLES: dict[str, Any] = {
    "parameter_buffer": 64,
    "parameter_copies": 1,
    "addressing": "shift",
    "max_segments": 1,
}


@dataclass(frozen=True)
class NonlinearUnits:
    """Dedicated units beside the array, one set a kind of function.

    Attributes:
        kinds: Kinds of function with units of their own, for example gelu, exp, reciprocal, rsqrt: 4.
        lanes: Results a cycle of each kind; none: as many as the array's diagonal, so that both ways keep
            pace.
        multiply_adds: 32-bit integer multiply-adds a result. I-BERT (Kim et al., ICML 2021) evaluates gelu
            and exp as second-order polynomials in 32-bit integers, a (x + b)^2 + c with a scale before and
            after: four. Its square root and division iterate and cost more, which is not charged.
    """

    kinds: int = 4
    lanes: int | None = None
    multiply_adds: int = 4

    def __post_init__(self) -> None:
        for name, rule in (
            ("kinds", _COUNT),
            ("lanes", replace(_COUNT, optional=True)),
            ("multiply_adds", _COUNT),
        ):
            rule.check(f"units.{name}", getattr(self, name))


@dataclass(frozen=True)
class Host:
    """A processor that runs the nonlinear work, behind a link.

    Attributes:
        link_bandwidth: Bytes a second each way. Default PCIe 3.0 x16: 15.75e9 (8 GT/s, 128b/130b, 16 lanes).
        link_pj_per_byte: pJ a byte moved. Default 40, an assumption (5 pJ a bit, order of a serial link's
            transceivers).
        seconds_per_element: Default 1e-9: gelu and exp took 0.95 and 1.03 ns an element on one core (float32,
            PyTorch 2.13).
        power_w: Watts while it works. Default 5, an assumption (one core of a server processor).
    """

    link_bandwidth: float = 15.75e9
    link_pj_per_byte: float = 40.0
    seconds_per_element: float = 1e-9
    power_w: float = 5.0

    def __post_init__(self) -> None:
        FloatRange(1.0, 1e30).check("host.link_bandwidth", self.link_bandwidth)
        for name in ("link_pj_per_byte", "seconds_per_element", "power_w"):
            FloatRange(0.0, 1e12).check(f"host.{name}", getattr(self, name))


@dataclass(frozen=True)
class Comparison:
    """Totals of one way to run the workload; fields as in CostReport.

    Attributes:
        name: "array", "units" or "host".
        nonlinear_s: Seconds of the Lookups alone.
        nonlinear_j: Joules of the Lookups alone, without what burns all the time.
    """

    name: str
    latency_s: float
    energy_j: float
    power_w: float
    throughput: float
    throughput_per_watt: float
    area_mm2: float
    nonlinear_s: float
    nonlinear_j: float


def compare(
    design: Design, workload: Workload, units: NonlinearUnits | None = None, host: Host | None = None
) -> list[Comparison]:
    """Return the workload on the array alone, with dedicated nonlinear units, and with a host, in this order.

    A process without a figure of the units' multiply-adds (int32-32) has no comparison with units.

    Raises:
        ValueError: If the design cannot run the workload.
    """
    whole = evaluate(design, workload)
    elements = sum(op.elements for op in workload.operations if isinstance(op, Lookup))
    plain = replace(design, **_NO_TABLES)
    nothing_else = all(isinstance(op, Lookup) for op in workload.operations)
    linear = None if nothing_else else workload.without(lambda op: isinstance(op, Lookup))
    rest = evaluate(plain, linear) if linear else None
    area = whole.area_mm2 - whole.area_parts["parameter"] - whole.area_parts["addressing"]
    base = _Base(whole, rest, elements, area)
    mac = load_technology(design.technology).mac.get(UNITS_MAC)
    beside = [] if mac is None else [_units(base, units or NonlinearUnits(), mac)]
    return [_array(base), *beside, _host(base, host or Host())]


@dataclass(frozen=True)
class _Base:
    """The workload on the array, the same without Lookups, their elements, and the area without tables."""

    whole: CostReport
    rest: CostReport | None
    elements: int
    area: float

    @property
    def seconds(self) -> float:
        return self.rest.latency_s if self.rest else 0.0

    @property
    def joules(self) -> float:
        """Energy without what burns all the time."""
        return self.rest.energy_j - _all_the_time(self.rest) if self.rest else 0.0

    @property
    def leak_w(self) -> float:
        """What burns all the time without tables; with them where nothing else is left to run."""
        report = self.rest or self.whole
        return _all_the_time(report) / report.latency_s


def _all_the_time(report: CostReport) -> float:
    """Joules of leakage, and of DRAM's background."""
    return report.energy_parts["leakage"] + report.energy_parts["background"]


def _array(base: _Base) -> Comparison:
    dynamic = base.whole.energy_j - _all_the_time(base.whole)
    return _comparison(
        "array", base, base.whole.latency_s, base.whole.energy_j, base.whole.area_mm2,
        base.whole.latency_s - base.seconds, dynamic - base.joules,
    )  # fmt: skip


def _units(base: _Base, units: NonlinearUnits, mac: Cell) -> Comparison:
    design = base.whole.design
    lanes = units.lanes or min(design.rows, design.cols)
    layers = base.whole.layer_columns
    rows = [row for row, kind in enumerate(layers["kind"]) if kind == Lookup.kind]
    # Operands come and go as they do for tables: in the scratchpad, or streamed from DRAM and back.
    streamed = [2 * layers["dram_writes"][row] for row in rows]
    waits = [bytes_ / design.dram_bandwidth for bytes_ in streamed]
    works = [-(-layers["elements"][row] // lanes) / design.clock for row in rows]
    seconds = sum(map(max, works, waits))
    joules = base.elements * units.multiply_adds * mac.pj * 1e-12
    joules += sum(streamed) * dram_pj_per_byte(design.dram) * 1e-12
    joules += sum(layers["energy_output_j"][row] for row in rows)
    built, latency = units.kinds * lanes * units.multiply_adds, base.seconds + seconds
    leakage = (base.leak_w + built * mac.leak_uw * 1e-6) * latency
    area = base.area + built * mac.area_um2 * 1e-6
    return _comparison("units", base, latency, base.joules + joules + leakage, area, seconds, joules)


def _host(base: _Base, host: Host) -> Comparison:
    moved = 2 * base.elements * BITS[base.whole.design.elementwise_width] / 8
    busy = base.elements * host.seconds_per_element
    seconds = busy + moved / host.link_bandwidth
    joules = busy * host.power_w + moved * host.link_pj_per_byte * 1e-12
    latency = base.seconds + seconds
    return _comparison(
        "host", base, latency, base.joules + joules + base.leak_w * latency, base.area, seconds, joules
    )


def _comparison(
    name: str, base: _Base, latency: float, energy: float, area: float, *nonlinear: float
) -> Comparison:
    batch, power = base.whole.workload.batch, energy / latency
    return Comparison(name, latency, energy, power, batch / latency, batch / energy, area, *nonlinear)
