"""What a clock, DRAM channels, banks, ports and buffets cost; and that no field of a design is free."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from accel_models import (
    TECHNOLOGIES,
    Design,
    Gemm,
    Hadamard,
    Lookup,
    Workload,
    conv2d,
    evaluate,
    evaluate_many,
)
from accel_models.axes import free_steps
from accel_models.technology import DRAMS, highest_clock, load_dram, load_technology, speeds

WORK = Workload([Gemm(256, 256, 256), Lookup(256 * 256, 16, name="gelu"), Gemm(256, 64, 256)])
ON_CHIP = ("mac", "register", "input", "weight", "output", "parameter", "addressing")


@pytest.mark.parametrize("technology", TECHNOLOGIES[:4])
def test_a_faster_clock_takes_more_energy_by_the_square_of_its_voltage(technology: str) -> None:
    clocks, volts = speeds(technology)
    assert (np.diff(clocks) > 0).all()
    base = load_technology(technology).clock
    assert base is not None
    slow, fast = (Design(technology=technology, clock=clock) for clock in (base.base_hz, clocks[-1]))
    one, other = evaluate(slow, WORK), evaluate(fast, WORK)
    for name in ON_CHIP:
        assert other.energy_parts[name] == pytest.approx(volts[-1] ** 2 * one.energy_parts[name])
    assert other.energy_parts["dram"] == one.energy_parts["dram"]
    assert other.energy_parts["leakage"] / other.latency_s == pytest.approx(
        volts[-1] * one.energy_parts["leakage"] / one.latency_s
    )
    assert evaluate(replace(slow, clock=base.base_hz / 50), WORK).energy_parts["mac"] == pytest.approx(
        (base.least_v / base.base_v) ** 2 * one.energy_parts["mac"]
    )


def test_speeds_follow_a_published_accelerator() -> None:
    """16 nm: 1.36 GHz at 1 V (Lee et al., IEEE JSSC 54(7), 2019); between our 22 and 7 nm, within a fifth."""
    assert 1.36e9 / 1.2 < highest_clock("22nm") < highest_clock("7nm") < 1.36e9 * 1.2


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_a_clock_beyond_the_process_is_refused(technology: str) -> None:
    most = highest_clock(technology)
    assert Design(technology=technology, clock=most).clock == most
    with pytest.raises(ValueError, match=r"clock = .*: must be at most .* Hz, what .* reaches"):
        Design(technology=technology, clock=most * 1.01)
    assert Design(technology=technology).clock == min(1e9, most)
    frame = evaluate_many([Design(technology=technology)], WORK)
    assert frame.latency_s[0] == evaluate(Design(technology=technology), WORK).latency_s


@pytest.mark.parametrize("dram", DRAMS)
def test_bandwidth_is_built_in_channels(dram: str) -> None:
    channel = load_dram(dram)
    assert channel.source

    def cost(count: float) -> Any:
        return evaluate(Design(dram=dram, dram_bandwidth=count * channel.channel_bandwidth), WORK)

    for count, built in ((0.5, 1), (1, 1), (1.01, 2), (7, 7)):
        report = cost(count)
        assert report.area_parts["dram"] == pytest.approx(built * channel.interface_mm2)
        watts = report.energy_parts["background"] / report.latency_s
        assert watts == pytest.approx(built * (channel.background_w + channel.interface_w))


@pytest.mark.parametrize("kib", [16, 64, 256, 1024])
@pytest.mark.parametrize("banks", [3, 4])
def test_wires_between_banks_cost_as_in_cacti(kib: int, banks: int) -> None:
    """CACTI 7: scratchpads of three or four banks cost 50 to 105% more an access than one macro of a bank."""
    one, more = (
        Design(technology="28nm", clock=1.133e9, input_buffer=kib * 1024 * n, banks=n) for n in (1, banks)
    )
    ratio = evaluate(more, WORK).energy_parts["input"] / evaluate(one, WORK).energy_parts["input"]
    assert 1.5 <= ratio <= 2.05


def test_a_buffet_has_its_control() -> None:
    double, buffet = (evaluate(Design(buffering=kind), WORK) for kind in ("double", "buffet"))
    for name in ("input", "weight", "output"):
        assert buffet.area_parts[name] == pytest.approx(1.02 * double.area_parts[name])
    assert buffet.area_parts["parameter"] == double.area_parts["parameter"]


def test_lanes_beyond_the_diagonal_take_more_macros_and_wires() -> None:
    work = Workload([Hadamard(65536)])
    diagonal, full = (
        evaluate(Design(hadamard=kind, operand_bandwidth=64, fill="none"), work)
        for kind in ("diagonal", "full")
    )
    assert full.compute_cycles * 4 == diagonal.compute_cycles
    assert full.area_parts["output"] > diagonal.area_parts["output"]
    assert full.area_parts["input"] == diagonal.area_parts["input"]


def test_an_array_that_fills_while_it_works_has_a_second_register() -> None:
    serial, overlapped = (
        evaluate(Design(rows=8, cols=4, fill=fill), WORK) for fill in ("serial", "overlapped")
    )
    register_mm2 = 69.92e-6 / 8
    assert overlapped.area_parts["array"] - serial.area_parts["array"] == pytest.approx(32 * 8 * register_mm2)


def linear_layers() -> Workload:
    return Workload([Gemm(64, 1024, 512), Lookup(64 * 1024, 16, name="gelu"), Gemm(64, 512, 1024)])


def convolutions() -> Workload:
    first = conv2d((56, 56), 64, 64, (3, 3), padding=(1, 1))
    return Workload([first, Lookup(56 * 56 * 64, 2, "shift", "relu"), conv2d((56, 56), 64, 128, (1, 1))])


def attention() -> Workload:
    rows = 12 * 128
    softmax = [Hadamard(2 * rows * 127), Lookup(rows * 128, 16, name="exp"), Gemm(rows, 1, 128, wide=True)]
    return Workload(
        [Gemm(128, 128, 64, count=12), *softmax, Hadamard(rows * 128), Gemm(128, 64, 128, count=12)]
    )


NETWORKS = {"attention": attention, "layers": linear_layers, "convolutions": convolutions}
BASES: tuple[dict[str, Any], ...] = (
    {},
    {
        "rows": 32,
        "cols": 32,
        "dataflow": "os",
        "elementwise_bits": 16,
        "activations": "on_chip",
        "dram": "HBM2",
    },
    {"rows": 16, "cols": 8, "dataflow": "is", "data_width": "int16", "hadamard": "full", "banks": 2},
)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("technology", TECHNOLOGIES[:4])
def test_no_field_is_free(technology: str, network: str) -> None:
    """Every step of every field pays in time, energy or area; `axes.REASONS` has the exceptions and why."""
    workload = NETWORKS[network]()
    for base in BASES:
        assert free_steps(Design(technology=technology, **base), workload) == []
