"""The tiling is the true optimum: against all tiles in all loop orders, and against Timeloop's mapper."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import Design, Gemm, Workload, evaluate
from accel_models.dram import Rows
from accel_models.mapper import Prices, Work, choose, counted, fits
from accel_models.nest import Timing
from accel_models.systolic import Granules, Shape
from accel_models.tiling import ORDERS, STAYS, Room


def passes(order: tuple[str, ...], counts: dict[str, int], indexed_by: str) -> int:
    """How often a matrix is moved: steps of loops that it ignores outside its innermost one."""
    last = max((i for i, d in enumerate(order) if d in indexed_by and counts[d] > 1), default=-1)
    return math.prod(counts[d] for d in order[: last + 1] if d not in indexed_by)


def exhaustive(p: dict[str, Any]) -> float:
    best = math.inf
    steps = {
        d: {u * p["g" + d] for u in range(1, math.ceil(p[d] / p["g" + d]) + 1)} for d in "mnk"
    }  # of M, tiles are padded to whole granules
    steps |= {d: {min(size, p[d]) for size in steps[d]} for d in "nk"}
    for m, n, k in itertools.product(steps["m"], steps["n"], steps["k"]):
        if not holds(p, m, n, k):
            continue
        counts = {"m": math.ceil(p["m"] / m), "n": math.ceil(p["n"] / n), "k": math.ceil(p["k"] / k)}
        for order in itertools.permutations("mnk"):
            best = min(best, moved(p, order, counts))
    return best


def holds(p: dict[str, Any], m: int, n: int, k: int) -> bool:
    a, b, z = m * k * p["word"], k * n * p["word"], m * n * p["partial"]
    if not p["shared"]:
        return bool(a <= p["ca"] and b <= p["cb"] and z <= p["cz"])
    return bool(a + b <= p["ca"] and z <= p["cz"] if p["apart"] else a + b + z <= p["ca"])


def moved(p: dict[str, Any], order: tuple[str, ...], counts: dict[str, int]) -> float:
    a, b, z = (passes(order, counts, indexed) for indexed in ("mk", "kn", "mn"))
    spilled = 2 * p["m"] * p["n"] * p["partial"] * (z - 1)
    return float(a * p["aw"] * p["word"] + b * p["k"] * p["n"] * p["word"] + spilled)


@st.composite
def problems(draw: Any) -> dict[str, Any]:
    p: dict[str, Any] = {d: draw(st.integers(1, 24)) for d in "mnk"}
    p |= {"g" + d: min(draw(st.integers(1, 6)), p[d]) for d in "mnk"}
    p |= {"word": draw(st.sampled_from([1, 2, 4])), "partial": draw(st.sampled_from([2, 4]))}
    p |= {"shared": draw(st.booleans()), "apart": draw(st.booleans())}
    a, b, z = p["gm"] * p["gk"] * p["word"], p["gk"] * p["gn"] * p["word"], p["gm"] * p["gn"] * p["partial"]
    if p["shared"]:
        both = a + b + (0 if p["apart"] else z) + draw(st.integers(0, 400))
        p |= {"ca": both, "cb": both, "cz": z + draw(st.integers(0, 250)) if p["apart"] else both}
    else:
        p |= {name: least + draw(st.integers(0, 250)) for name, least in (("ca", a), ("cb", b), ("cz", z))}
    p["aw"] = draw(st.integers(max(1, p["m"] * p["k"] // 4), p["m"] * p["k"]))
    return p


def work(p: dict[str, Any]) -> Work:
    """Return so little bandwidth that the least time is the least traffic."""

    def one(*names: str) -> list[Any]:
        return [np.array([float(p[name])]) for name in names]

    none, false = np.zeros(1), np.zeros(1, dtype=np.bool_)
    rate, bytes_ = np.array([2.0**-40]), one("word", "word", "partial", "partial")
    return Work(
        Shape(*one("m", "n", "k"), none + 1, none + 1, ~false, false),
        Granules(*one("gm", "gn", "gk")),
        Granules(
            *(np.ceil(size / unit) for size, unit in zip(one(*"mnk"), one("gm", "gn", "gk"), strict=True))
        ),
        Room(*one("word", "partial", "ca", "cb", "cz"), np.array([p["shared"]]), np.array([p["apart"]])),
        Rows(none + 1, *one("aw"), none + 1, *bytes_),
        Timing(false, false, none),
        Prices(rate, *[none] * 6, false, false, false),
    )


def solve(p: dict[str, Any]) -> float:
    """Return the least traffic, beside the result's, by the loop order that the choice stands for."""
    of = work(p)
    tiles, stays = choose(of)
    assert fits(of, tiles)[0]
    counts = {d: int(count[0]) for d, count in zip("mnk", tiles, strict=True)}
    found = moved(p, tuple(ORDERS[STAYS[int(stays[0])]].lower()), counts)
    assert counted(of, tiles, stays).stated[0] * 2.0**-40 == found + p["m"] * p["n"] * p["partial"]
    return found


@settings(max_examples=300, deadline=None)
@given(problems())
def test_equals_the_best_of_all_tiles_and_loop_orders(p: dict[str, Any]) -> None:
    assert solve(p) == exhaustive(p)


def mapper_design(point: dict[str, Any], **fields: Any) -> Design:
    return Design(
        rows=point["L"], cols=point["L"], dataflow=point["dataflow"], data_width="int16",
        shared_buffer=2 * point["glb_words"], buffering="buffet", dram_burst=1, dram_bandwidth=1e8, **fields,
    )  # fmt: skip


@pytest.mark.parametrize("bits", [16, 32])  # Timeloop keeps partial sums in 16 bits
def test_between_the_floor_and_timeloops_mapper(golden: Any, bits: int) -> None:
    for point in golden("timeloop_mapper"):
        m, n, k = point["M"], point["N"], point["K"]
        report = evaluate(mapper_design(point, accumulator_bits=bits), Workload([Gemm(m, n, k)]))
        words = (report.dram_reads + report.dram_writes) / 2
        assert m * k + k * n + m * n <= words <= point["dram_words"], point["name"]


def test_meets_the_mapper_even_with_half_the_scratchpad(golden: Any) -> None:
    for point in golden("timeloop_mapper"):
        workload = Workload([Gemm(point["M"], point["N"], point["K"])])
        design = Design.from_dict({**mapper_design(point).to_dict(), "buffering": "double"})
        report = evaluate(design, workload)
        assert (report.dram_reads + report.dram_writes) / 2 <= point["dram_words"], point["name"]
