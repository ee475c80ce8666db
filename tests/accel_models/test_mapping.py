"""Explicit mappings against Timeloop's model, count by count, and its energy."""

import math
from typing import Any

import pytest

from accel_models import ActionEnergies, Gemm, Loops, Mapping, evaluate_mapping

# Accelergy's energy reference table for these components (45 nm, 16 bit), pJ an action.
ERT = {
    "ERT": {
        "tables": [
            {
                "name": "system.DRAM[1..1]",
                "actions": [{"name": a, "energy": 512.0} for a in ("read", "write")],
            },
            {
                "name": "system.GLB[1..1]",
                "actions": [
                    {"name": "leak", "energy": 0.0125165},
                    {"name": "write", "energy": 50.1797},
                    {"name": "read", "energy": 67.183},
                ],
            },
            {
                "name": "system.preg[1..256]",
                "actions": [{"name": "write", "energy": 0.0}, {"name": "read", "energy": 0.182195}],
            },
            {"name": "system.mac[1..256]", "actions": [{"name": "compute", "energy": 4.27651}]},
        ]
    }
}
LEVELS = {"preg": "register", "GLB": "buffer", "DRAM": "dram"}


def loops(factors: dict[str, int], order: str = "MNK") -> Loops:
    return Loops(factors["M"], factors["N"], factors["K"], order)


def report(point: dict[str, Any]) -> Any:
    weight = point["dataflow"] == "ws"
    factors = point["fixed_factors"]
    mapping = Mapping(
        loops(factors["DRAM"]),
        loops(factors["GLB"], "NKM" if weight else "MNK"),
        loops(factors["spatial"]),
        stationary="B" if weight else "Z",
    )
    return evaluate_mapping(
        Gemm(point["M"], point["N"], point["K"]),
        mapping,
        ActionEnergies.from_accelergy(ERT),
        dram_bandwidth=point["dram_bw"] or math.inf,
        buffer_words=point["glb_words"],
    )


def test_counts_equal_timeloop(golden: Any) -> None:
    for point in golden("timeloop_model"):
        mine = report(point)
        assert (mine.cycles, mine.computes) == (point["cycles"], point["computes"]), point["name"]
        for level, matrices in point["accesses"].items():
            for matrix, (instances, reads, fills, updates) in matrices.items():
                found = mine.accesses[LEVELS[level]][matrix]
                expected = tuple(instances * count for count in (reads, fills, updates))
                assert (found.reads, found.fills, found.updates) == pytest.approx(expected, rel=1e-12), point[
                    "name"
                ]


def test_energy_equals_timeloop(golden: Any) -> None:
    for point in golden("timeloop_model"):
        assert report(point).energy_j == pytest.approx(point["energy_J"], rel=2e-6), point["name"]


def test_partial_sums_that_leave_the_buffer_come_back() -> None:
    gemm = Gemm(8, 8, 8)
    mapping = Mapping(Loops(k=4, m=2, order="KMN"), Loops(m=4, n=8), Loops(k=2), stationary="B")
    z = evaluate_mapping(gemm, mapping).accesses["dram"]["Z"]
    assert (z.updates, z.reads) == (4 * 64, 3 * 64)


def test_bandwidth_limits_the_cycles() -> None:
    mapping = Mapping(Loops(), Loops(m=8, n=8, k=8), Loops())
    assert evaluate_mapping(Gemm(8, 8, 8), mapping).cycles == 512
    assert evaluate_mapping(Gemm(8, 8, 8), mapping, dram_bandwidth=0.1).cycles == 1280


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Loops(m=0), "loops.m = 0: must be"),
        (lambda: Loops(order="MNN"), "loops.order = MNN: must be"),
        (lambda: Mapping(Loops(), Loops(), Loops(), "C"), "mapping.stationary = C: must be"),
        (
            lambda: evaluate_mapping(Gemm(9, 1, 1), Mapping(Loops(), Loops(m=8), Loops())),
            "mapping along M = 8",
        ),
        (
            lambda: evaluate_mapping(
                Gemm(8, 8, 8), Mapping(Loops(), Loops(8, 8, 8), Loops()), buffer_words=191
            ),
            "buffer_words = 191: must be at least 192",
        ),
        (lambda: ActionEnergies.from_accelergy({"ERT": {"tables": []}}), "ERT.mac.compute = missing"),
    ],
)
def test_bad_mappings_are_refused(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()
