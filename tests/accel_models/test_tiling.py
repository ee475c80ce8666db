"""The tiling is the true optimum: against all tiles in all loop orders, and against Timeloop's mapper."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import Design, Gemm, Workload, evaluate
from accel_models.systolic import Granules
from accel_models.tiling import Problem, Traffic, least_traffic


def passes(order: tuple[str, ...], counts: dict[str, int], indexed_by: str) -> int:
    """How often a matrix is moved: steps of loops that it ignores outside its innermost one."""
    last = max((i for i, d in enumerate(order) if d in indexed_by and counts[d] > 1), default=-1)
    return math.prod(counts[d] for d in order[: last + 1] if d not in indexed_by)


def exhaustive(p: dict[str, int], shared: bool) -> float:
    best = math.inf
    steps = {
        d: {min(u * p["g" + d], p[d]) for u in range(1, math.ceil(p[d] / p["g" + d]) + 1)} for d in "mnk"
    }
    for m, n, k in itertools.product(steps["m"], steps["n"], steps["k"]):
        a, b, z = m * k * p["word"], k * n * p["word"], m * n * p["partial"]
        if a + b + z > p["cz"] if shared else (a > p["ca"] or b > p["cb"] or z > p["cz"]):
            continue
        counts = {"m": math.ceil(p["m"] / m), "n": math.ceil(p["n"] / n), "k": math.ceil(p["k"] / k)}
        for order in itertools.permutations("mnk"):
            again = Traffic(*(np.array(passes(order, counts, indexed)) for indexed in ("mk", "kn", "mn")))
            best = min(best, float(moved(p, again)))
    return best


def moved(p: dict[str, int], times: Traffic) -> Any:
    spilled = 2 * p["m"] * p["n"] * p["partial"] * (times.k - 1)
    return times.a * p["aw"] * p["word"] + times.b * p["k"] * p["n"] * p["word"] + spilled


@st.composite
def problems(draw: Any) -> tuple[dict[str, int], bool]:
    p = {d: draw(st.integers(1, 24)) for d in "mnk"}
    p |= {"g" + d: min(draw(st.integers(1, 6)), p[d]) for d in "mnk"}
    p |= {"word": draw(st.sampled_from([1, 2, 4])), "partial": draw(st.sampled_from([2, 4]))}
    least = {
        "ca": p["gm"] * p["gk"] * p["word"],
        "cb": p["gk"] * p["gn"] * p["word"],
        "cz": p["gm"] * p["gn"] * p["partial"],
    }
    shared = draw(st.booleans())
    if shared:
        p |= dict.fromkeys(least, sum(least.values()) + draw(st.integers(0, 400)))
    else:
        p |= {name: value + draw(st.integers(0, 250)) for name, value in least.items()}
    p["aw"] = draw(st.integers(max(1, p["m"] * p["k"] // 4), p["m"] * p["k"]))
    return p, shared


def solve(p: dict[str, int], shared: bool) -> float:
    p = {**p, "bw": p["k"] * p["n"], "zw": p["m"] * p["n"]}
    names = ("m", "n", "k", "aw", "bw", "zw", "word", "partial", "ca", "cb", "cz")
    columns = [np.array([float(p[name])]) for name in names]
    problem = Problem(*columns, np.array([shared]))
    unit = Granules(*(np.array([float(p["g" + d])]) for d in "mnk"))
    return float(moved(p, least_traffic(problem, unit))[0])


@settings(max_examples=300, deadline=None)
@given(problems())
def test_equals_the_best_of_all_tiles_and_loop_orders(case: tuple[dict[str, int], bool]) -> None:
    p, shared = case
    assert solve(p, shared) == exhaustive(p, shared)


def mapper_design(point: dict[str, Any], **fields: Any) -> Design:
    return Design(
        rows=point["L"], cols=point["L"], dataflow=point["dataflow"], data_width="int16",
        shared_buffer=2 * point["glb_words"], buffering="buffet", **fields,
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
