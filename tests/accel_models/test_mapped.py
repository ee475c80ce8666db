"""One mapping of each GEMM: what `evaluate` counts is what its loops do, level by level."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import (
    Design,
    Gemm,
    Loops,
    Mapping,
    Workload,
    accesses,
    evaluate,
    evaluate_mapping,
    map_gemm,
)

TERMS: dict[str, Any] = {
    "fill": "none", "dram_latency": 0.0, "dram_burst": 1, "tile_cycles": 0.0, "start": "loaded",
}  # fmt: skip
sizes = st.integers(9, 17).flatmap(lambda bits: st.integers(1 << bits, 1 << (bits + 1)))
designs = st.builds(
    Design,
    rows=st.integers(1, 20),
    cols=st.integers(1, 20),
    dataflow=st.sampled_from(["ws", "os", "is"]),
    input_buffer=sizes,
    weight_buffer=sizes,
    output_buffer=sizes,
    accumulator_buffer=st.none() | sizes,
    shared_buffer=st.none() | st.integers(1 << 13, 1 << 18),
    buffering=st.sampled_from(["double", "buffet", "single"]),
    data_width=st.sampled_from(["int8", "int16"]),
    dram_bandwidth=st.floats(1e8, 1e12),
    dram_burst=st.sampled_from([1, 32, 64]),
    fill=st.sampled_from(["serial", "overlapped", "none"]),
    mapping=st.sampled_from(["latency", "energy", "edp"]),
)
gemms = st.builds(Gemm, *[st.integers(1, 300)] * 3)


def able(design: Design, gemm: Gemm) -> bool:
    try:
        evaluate(design, Workload([gemm]))
    except ValueError:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(designs, gemms)
def test_evaluate_is_the_mapping_that_it_chose(design: Design, gemm: Gemm) -> None:
    """Passes and loads by rule, for many designs at once, against the loop nest's own; every figure."""
    if not able(design, gemm):
        return
    mapping, workload = map_gemm(design, gemm), Workload([gemm])
    chosen, told = evaluate(design, workload), evaluate(design, workload, mappings={gemm: mapping})
    assert chosen.layer_columns == told.layer_columns
    assert accesses(design, gemm) == accesses(design, gemm, mapping)


@settings(max_examples=200, deadline=None)
@given(designs, gemms)
def test_every_level_counts_as_timeloop_does(design: Design, gemm: Gemm) -> None:
    """On sizes that the mapping's loops cover, where averages over border tiles play no part."""
    if not able(design, gemm):
        return
    mapping = map_gemm(design, gemm)
    whole = Gemm(*(mapping.padded(dimension) for dimension in "MNK"))
    theirs = evaluate_mapping(whole, mapping)
    assert accesses(design, whole, mapping) == theirs.accesses
    found = evaluate(replace(design, **TERMS), Workload([whole]), mappings={whole: mapping})
    assert found.compute_cycles == theirs.cycles
    dram, word = theirs.accesses["dram"], 1 if design.data_width == "int8" else 2
    spilled = dram["Z"].reads * 4
    assert found.dram_reads == (dram["A"].reads + dram["B"].reads) * word + spilled
    assert found.dram_writes == whole.m * whole.n * word + spilled


def test_a_choice_is_never_left_to_a_tie() -> None:
    """Tiles of one word along K would load and spill sums 197 times in the same time."""
    design = Design(dataflow="os", input_buffer=1 << 15, weight_buffer=1 << 15, output_buffer=1 << 20)
    gemm = Gemm(1024, 64, 197)
    mapping = map_gemm(replace(design, fill="none"), gemm)
    assert mapping.tile("K") > 1
    slow = replace(mapping, dram=replace(mapping.dram, k=197), buffer=replace(mapping.buffer, k=1))
    reports = [evaluate(design, Workload([gemm]), mappings={gemm: m}) for m in (mapping, slow)]
    assert reports[0].energy_j < reports[1].energy_j


def test_the_stated_cost_is_what_decides() -> None:
    gemm, base = Gemm(512, 512, 512), Design(dataflow="ws", output_buffer=32768)
    found = {
        name: evaluate(replace(base, mapping=name, start="loaded"), Workload([gemm]))
        for name in ("latency", "energy", "edp")
    }
    product = {name: report.cycles * report.energy_j for name, report in found.items()}
    assert found["latency"].cycles == min(report.cycles for report in found.values())
    assert found["energy"].energy_j == min(report.energy_j for report in found.values())
    assert product["edp"] <= min(product.values()) * (1 + 1e-9)


def test_sums_in_accumulators_reach_the_output_once() -> None:
    gemm, plain = Gemm(64, 64, 256), Design(dataflow="ws", mapping="energy")
    apart = replace(plain, accumulator_buffer=32768)
    before, after = (evaluate(design, Workload([gemm])) for design in (plain, apart))
    # 16 passes over K: each sum written 16 times and read 15, then read to leave.
    assert before.energy_parts["accumulator"] == 0
    assert after.energy_parts["accumulator"] > 0
    assert after.energy_parts["output"] < before.energy_parts["output"] / 60
    assert after.energy_parts["accumulator"] + after.energy_parts["output"] < before.energy_parts["output"]
    assert after.area_parts["accumulator"] > 0
    os = replace(apart, dataflow="os")
    assert evaluate(os, Workload([gemm])).energy_parts["accumulator"] == 0


def test_time_is_lost_between_tiles() -> None:
    gemm = Gemm(256, 256, 256)
    ideal = Design(**TERMS)
    cycles = evaluate(ideal, Workload([gemm])).cycles
    tiles = np.prod([map_gemm(ideal, gemm).dram.bound(d) for d in "MNK"])
    lost = {
        "tile_cycles": evaluate(replace(ideal, tile_cycles=100.0), Workload([gemm])).cycles - cycles,
        "load_cycles": evaluate(replace(ideal, load_cycles=10.0), Workload([gemm])).cycles - cycles,
        "start": evaluate(replace(ideal, start="empty", dram_latency=1e-6), Workload([gemm])).cycles - cycles,
    }
    assert 0 < lost["tile_cycles"] <= 100 * tiles
    assert lost["load_cycles"] == 10 * 16 * 16
    assert lost["start"] > 1000
    # Rows of 20 bytes in bursts of 64, where tiles cut rows of 60.
    cut = Mapping(Loops(1, 3, 1), Loops(16, 2, 1, "NKM"), Loops(1, 10, 16), "B")
    small, design = Gemm(16, 60, 16), replace(ideal, dram_burst=64)
    found = evaluate(design, Workload([small]), mappings={small: cut})
    assert found.dram_writes == 16 * 3 * 64
    assert found.dram_reads == 16 * 16 + 16 * 3 * 64


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        (Mapping(Loops(), Loops(m=8, n=1, k=1), Loops(1, 8, 8), "Z"), "mapping.stationary = Z: must be B"),
        (Mapping(Loops(), Loops(m=8), Loops(2, 8, 8), "B"), "mapping.spatial along M = 2: must be"),
        (Mapping(Loops(), Loops(m=7), Loops(1, 8, 8), "B"), "mapping along M = 7: must be 8"),
    ],
)
def test_a_given_mapping_must_suit(mapping: Mapping, text: str) -> None:
    gemm = Gemm(8, 8, 8)
    with pytest.raises(ValueError, match=text):
        evaluate(Design(), Workload([gemm]), mappings={gemm: mapping})
    with pytest.raises(ValueError, match="mappings = none of fc: must be one for each GEMM"):
        evaluate(Design(), Workload([replace(gemm, name="fc")]), mappings={gemm: mapping})
