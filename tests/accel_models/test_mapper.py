"""The mapping is the least of all: in C as in numpy, and against all tiles in all loop orders, one by one."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import Design, Gemm, Loops, Mapping, Workload, evaluate_many, mapper
from accel_models.counting.gemms import count_gemms, work_of
from accel_models.hardware import derive
from accel_models.mapped import given as counted_as_given
from accel_models.mapped import map_gemm
from accel_models.mapper import Work, choose, counted, fits, least
from accel_models.mapping import INSIDE, STATIONARY
from accel_models.table import from_designs
from accel_models.tiling import Tiles, cuts

sizes = st.integers(7, 15).flatmap(lambda bits: st.integers(1 << bits, 1 << (bits + 1)))
designs = st.builds(
    Design,
    rows=st.integers(1, 20),
    cols=st.integers(1, 20),
    dataflow=st.sampled_from(["ws", "os", "is"]),
    input_buffer=sizes,
    weight_buffer=sizes,
    output_buffer=sizes,
    accumulator_buffer=st.none() | sizes,
    shared_buffer=st.none() | sizes,
    buffering=st.sampled_from(["double", "buffet", "single"]),
    data_width=st.sampled_from(["int8", "int16"]),
    elementwise_bits=st.sampled_from([None, 16]),
    dram_bandwidth=st.floats(1e8, 1e12),
    dram_burst=st.sampled_from([1, 7, 32, 64]),
    tile_cycles=st.sampled_from([0.0, 3.0, 80.0]),
    load_cycles=st.sampled_from([0.0, 5.0]),
    fill=st.sampled_from(["serial", "overlapped", "none"]),
    mapping=st.sampled_from(["latency", "energy", "edp"]),
    start=st.just("loaded"),
)
gemms = st.builds(Gemm, *[st.integers(1, 60)] * 3, taps=st.integers(1, 9)) | st.builds(
    Gemm, *[st.integers(1, 400)] * 3
)


def work(design: Design, products: Sequence[Gemm]) -> Work:
    table = from_designs([design])
    return work_of(products, table, derive(table))


@pytest.mark.skipif(not mapper.NATIVE, reason="the C extension was not built")
@settings(max_examples=150, deadline=None)
@given(designs, st.lists(gemms, min_size=1, max_size=3))
def test_c_chooses_what_numpy_does(design: Design, products: list[Gemm]) -> None:
    """To the last tie, and where nothing fits."""
    of = work(design, products)
    for ours, theirs in zip(choose(of), least(of), strict=True):
        assert np.array_equal(ours, theirs)


def loop_nests(design: Design, gemm: Gemm) -> list[Mapping]:
    """Return all mappings that fit: all numbers of folds a tile, in all orders of tiles."""
    of = work(design, [gemm])
    unit, folds = ([int(each[0]) for each in part] for part in (of.unit, of.folds))
    cells = Loops(*(min(each, size) for each, size in zip(unit, (gemm.m, gemm.n, gemm.k), strict=True)))
    steps = np.array(list(itertools.product(*(range(1, count + 1) for count in folds))))
    tiles = -(-np.array(folds) // steps)
    tight = (-(-np.array(folds) // tiles) == steps).all(axis=1)  # else as many tiles have fewer folds each
    held = tight & fits(of, Tiles(*tiles.T.astype(float)))
    return [
        Mapping(
            Loops(*outer, order), Loops(*inner, INSIDE[design.dataflow]), cells, STATIONARY[design.dataflow]
        )
        for outer, inner in zip(tiles[held].tolist(), steps[held].tolist(), strict=True)
        for order in map("".join, itertools.permutations("MNK"))
    ]


@settings(max_examples=60, deadline=None)
@given(designs, st.builds(Gemm, *[st.integers(1, 24)] * 3))
def test_no_loop_nest_costs_less(design: Design, gemm: Gemm) -> None:
    """Counted by the loop nest's rule: no tiles in any of six orders take less time."""
    design = replace(design, mapping="latency", rows=max(design.rows, 3), cols=max(design.cols, 3))
    if evaluate_many([design], Workload([gemm])).reason[0]:
        return
    nests, table = [map_gemm(design, gemm), *loop_nests(design, gemm)], from_designs([design])
    same, hardware = [gemm] * len(nests), derive(table)
    found = count_gemms(
        same, [""] * len(nests), table, hardware, counted_as_given(same, nests, table, hardware)
    )
    cycles = (found["compute_cycles"] + found["stall_cycles"])[:, 0]
    assert cycles[0] <= cycles.min() + 1  # cycles of transfers are whole


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize("mapping", ["latency", "energy", "edp"])
def test_more_room_never_costs_more(dataflow: str, mapping: str) -> None:
    """An access of the larger scratchpad at the price of the smaller."""
    gemm, room = Gemm(128, 768, 768), [1 << bits for bits in range(12, 21)]
    base = Design(rows=32, cols=8, dataflow=dataflow, data_width="int16", mapping=mapping)
    for name in ("input_buffer", "weight_buffer", "output_buffer"):
        prices = work(base, [gemm]).prices
        works = [work(replace(base, **{name: size}), [gemm])._replace(prices=prices) for size in room]
        able = [of for of in works if fits(of, Tiles(*of.folds))[0]]
        costs = [float(counted(of, *choose(of)).stated[0]) for of in able]
        assert len(costs) > 3
        assert costs == sorted(costs, reverse=True)


def test_cuts_are_all_numbers_of_equal_tiles() -> None:
    for folds in range(1, 400):
        assert cuts(folds).tolist() == sorted({math.ceil(folds / each) for each in range(1, folds + 1)})


def test_a_mapping_of_a_large_product_is_found_at_once() -> None:
    of = work(Design(rows=1, cols=1, dataflow="os"), [Gemm(10**6, 10**6, 10**6)])
    assert fits(of, choose(of).tiles)[0]
