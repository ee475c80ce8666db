"""Element-wise work, tables and where data live, counted by hand."""

from typing import Any

import pytest

from accel_models import Design, Gemm, Hadamard, Lookup, Move, Workload, conv2d, evaluate


def layer(operation: Any, batch: int = 1, **fields: Any) -> dict[str, Any]:
    return dict(evaluate(Design(**fields), Workload([operation], batch)).layers.iloc[0])


@pytest.mark.parametrize(
    ("fields", "cycles"),
    [
        ({"fill": "none"}, 1000 / 8),
        ({"fill": "none", "hadamard": "full"}, -(-1000 // 128)),
        ({"fill": "none", "hadamard": "full", "operand_bandwidth": 50}, 1000 / 50),
        ({"fill": "serial"}, 1000 / 8 + 8 + 16 - 2),
    ],
)
def test_element_wise_work_runs_on_the_diagonal_or_everywhere(fields: dict[str, Any], cycles: float) -> None:
    assert layer(Hadamard(1000), rows=8, cols=16, **fields)["compute_cycles"] == cycles


def test_addressing_costs_its_levels() -> None:
    base = {"fill": "serial", "rows": 1, "cols": 1}
    found = [
        layer(Lookup(10, 14, addressing), **base)["compute_cycles"] - 10
        for addressing in ("shift", "dyadic", "exponent", "comparator")
    ]
    assert found == [1, 2, 2, 4]
    energy = [layer(Lookup(10, 14, name))["energy_addressing_j"] for name in ("shift", "comparator")]
    assert energy[1] == pytest.approx(4 * energy[0])
    assert layer(Hadamard(10))["energy_addressing_j"] == 0


def test_more_comparators_cost_area() -> None:
    workload = Workload([Gemm(4, 4, 4)])
    areas = [
        evaluate(Design(**fields), workload).area_parts["addressing"]
        for fields in (
            {"addressing": "shift"},
            {"addressing": "dyadic"},
            {"max_segments": 30},
            {"max_segments": 254},
            {"max_segments": 254, "hadamard": "full"},
            {"max_segments": 254, "hadamard": "full", "parameter_copies": 256},
        )
    ]
    # A tree stands where an entry can be looked up: on the diagonal, unless more copies are built.
    assert areas == pytest.approx([areas[0] * levels for levels in (1, 2, 5, 8, 8, 8 * 16)])


def test_tensors_that_fit_the_output_scratchpad_stay_on_chip() -> None:
    fits, spills = layer(Lookup(65536, 4)), layer(Lookup(65537, 4))
    assert (fits["dram_reads"], fits["dram_writes"]) == (0, 0)
    assert (spills["dram_reads"], spills["dram_writes"]) == (65537, 65537)
    assert layer(Hadamard(32768))["dram_reads"] == 0
    assert layer(Hadamard(32769))["dram_reads"] == 2 * 32769
    assert layer(Move(32769))["dram_reads"] == 32769
    assert layer(Lookup(131072, 4), batch=2)["dram_reads"] == 0


def test_tables_that_do_not_fit_are_loaded_again_each_time() -> None:
    lookups = [Lookup(10, 30, name=f"site{i}") for i in range(4)]
    tables = Workload([*lookups, *lookups])
    assert evaluate(Design(parameter_buffer=4 * 64), tables).dram_reads == 0
    assert evaluate(Design(parameter_buffer=4 * 64 - 1), tables).dram_reads == 8 * 64
    one = Workload([Lookup(10, 30, name=f"site{i}", table="gelu") for i in range(4)])
    assert evaluate(Design(parameter_buffer=64), one).dram_reads == 0


def test_a_lane_that_looks_up_needs_a_copy_of_the_tables() -> None:
    tables = Workload([Lookup(10_000, 30, name=name) for name in ("gelu", "exp")])
    every, few, one = (
        evaluate(Design(rows=8, cols=16, parameter_buffer=64, parameter_copies=copies), tables)
        for copies in (None, 2, 1)
    )
    for report, lanes in ((every, 8), (few, 2), (one, 1)):
        assert report.layers["compute_cycles"][0] == 10_000 / lanes + 8 + 16 - 2 + 5
        assert report.area_parts["parameter"] == pytest.approx(lanes * one.area_parts["parameter"])
        assert report.area_parts["addressing"] == pytest.approx(lanes * one.area_parts["addressing"])
        assert report.dram_reads == 2 * 64, "a table crosses once, whatever the copies"
    loads = (every.energy_parts["parameter"] - one.energy_parts["parameter"]) / 7
    assert 0 < loads < one.energy_parts["parameter"], "a copy more costs a load more, and no read"


def test_more_copies_than_lanes_look_up_no_faster() -> None:
    tables = Workload([Lookup(10_000, 30)])
    cycles = [evaluate(Design(parameter_copies=copies), tables).cycles for copies in (16, 64)]
    assert cycles[0] == cycles[1]
    full = [
        evaluate(Design(hadamard="full", parameter_copies=copies), tables).cycles for copies in (None, 256)
    ]
    assert full[1] < full[0] == cycles[0]


def test_activations_on_chip_spare_the_crossings_between_operations() -> None:
    chain = Workload([Gemm(32, 64, 16), Gemm(32, 48, 64), Gemm(32, 8, 48)])
    dram, chip = (evaluate(Design(activations=name), chain) for name in ("dram", "on_chip"))
    weights = 16 * 64 + 64 * 48 + 48 * 8
    between = 32 * 64 + 32 * 48
    assert (dram.dram_reads, dram.dram_writes) == (weights + 32 * 16 + between, between + 32 * 8)
    assert (chip.dram_reads, chip.dram_writes) == (weights + 32 * 16, 32 * 8)
    single = Workload([Gemm(32, 64, 16)])
    one, other = (evaluate(Design(activations=name), single) for name in ("dram", "on_chip"))
    assert one.dram_reads == other.dram_reads


def test_a_convolution_is_a_product_a_group() -> None:
    stem = conv2d((224, 224), 3, 64, (7, 7), stride=(2, 2), padding=(3, 3))
    assert (stem.m, stem.n, stem.k, stem.count) == (112 * 112, 64, 147, 1)
    assert stem.a_distinct == 3 * 224 * 224
    depthwise = conv2d((56, 56), 32, 32, (3, 3), padding=(1, 1), groups=32, batch=2)
    assert (depthwise.m, depthwise.n, depthwise.k, depthwise.count) == (2 * 56 * 56, 1, 9, 32)
    skipping = conv2d((9, 9), 4, 4, (1, 1), stride=(2, 2))
    assert skipping.a_distinct == 4 * 25
    assert conv2d((8, 8), 4, 4, (3, 3), duplicate_reads=True).a_distinct is None


def test_duplicate_reads_move_every_window() -> None:
    once, again = (conv2d((32, 32), 8, 8, (3, 3), padding=(1, 1), duplicate_reads=d) for d in (False, True))
    assert layer(once, dram_burst=1)["dram_reads"] == 8 * 32 * 32 + 8 * 8 * 9
    assert layer(again, dram_burst=1)["dram_reads"] == 9 * 8 * 32 * 32 + 8 * 8 * 9
    assert layer(once)["compute_cycles"] == layer(again)["compute_cycles"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"groups": 3}, "conv.in_channels = 8: must be a multiple of groups = 3"),
        ({"kernel": (9, 3)}, "conv.kernel = 9: must be at most 8 words wide"),
        ({"stride": (0, 1)}, "conv.stride = 0: must be"),
        ({"padding": (-1, 0)}, "conv.padding = -1: must be"),
    ],
)
def test_bad_convolutions_are_refused(change: dict[str, Any], text: str) -> None:
    values: dict[str, Any] = {"size": (8, 8), "in_channels": 8, "out_channels": 9, "kernel": (3, 3), **change}
    with pytest.raises(ValueError, match=text):
        conv2d(**values)
