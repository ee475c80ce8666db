"""The same array with nonlinear work elsewhere."""

from dataclasses import replace
from pathlib import Path

import pytest

import accel_models
from accel_models import Design, Gemm, Host, Lookup, NonlinearUnits, Workload, compare, evaluate

WORKLOAD = Workload([Gemm(64, 256, 64), Lookup(64 * 256, 16, name="gelu"), Gemm(64, 64, 256)], batch=4)


def test_the_array_alone_is_the_evaluation() -> None:
    report, array = evaluate(Design(), WORKLOAD), compare(Design(), WORKLOAD)[0]
    for name in ("latency_s", "energy_j", "power_w", "throughput", "throughput_per_watt", "area_mm2"):
        assert getattr(array, name) == pytest.approx(getattr(report, name), rel=1e-12)


def test_dedicated_units_cost_area_and_their_own_energy() -> None:
    array, units, _ = compare(Design(fill="none"), WORKLOAD)
    assert units.latency_s == pytest.approx(array.latency_s)  # same lanes, same pace
    few, many = (compare(Design(), WORKLOAD, NonlinearUnits(kinds=kinds))[1] for kinds in (1, 3))
    mac_area_mm2 = 9687.08e-6  # 32-bit integer multiply-add, 45 nm
    assert many.area_mm2 - few.area_mm2 == pytest.approx(2 * 16 * 4 * mac_area_mm2)
    assert units.area_mm2 > array.area_mm2


def test_a_host_pays_for_its_link_and_its_time() -> None:
    array, _, host = compare(Design(), WORKLOAD)
    assert host.nonlinear_s == pytest.approx(64 * 256 * 1e-9 + 2 * 64 * 256 / 15.75e9)
    assert host.nonlinear_j == pytest.approx(64 * 256 * 1e-9 * 5 + 2 * 64 * 256 * 40e-12)
    assert host.area_mm2 < array.area_mm2
    free = compare(Design(), WORKLOAD, host=Host(1e30, 0, 0, 0))[2]
    assert free.latency_s < array.latency_s
    assert free.energy_j < host.energy_j


def test_without_nonlinear_work_only_leakage_and_area_differ() -> None:
    linear = Workload([Gemm(64, 64, 64)])
    array, units, host = compare(Design(), linear)
    assert array.latency_s == units.latency_s == host.latency_s
    assert (units.nonlinear_j, host.nonlinear_j) == (0, 0)


def test_lookups_alone_can_be_compared() -> None:
    only = replace(WORKLOAD, operations=WORKLOAD.operations[1:2])
    assert all(found.latency_s > 0 and found.energy_j > 0 for found in compare(Design(), only))


def test_bad_assumptions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"units\.lanes = 0: must be an integer"):
        NonlinearUnits(lanes=0)
    with pytest.raises(ValueError, match=r"host\.power_w = nan: must be a number"):
        Host(power_w=float("nan"))


def test_a_process_without_the_units_multiply_add_has_no_comparison_with_them(tmp_path: Path) -> None:
    text = (Path(accel_models.__file__).parent / "technology" / "45nm.toml").read_text()
    start = text.index("[mac.int32-32]")
    own = tmp_path / "own.toml"
    own.write_text(text[:start] + text[text.index("[", start + 1) :])
    assert [way.name for way in compare(Design(technology=str(own)), WORKLOAD)] == ["array", "host"]
