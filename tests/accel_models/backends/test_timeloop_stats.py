"""Statistics files of real runs, read; and what is no such file, refused."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models.backends.timeloop.stats import parse

WS = "ideal_model_ws_L16_512x512x512"


def text(golden: Path, case: str = WS) -> str:
    return (golden / "specs" / case / "expected.stats.txt").read_text()


def test_counts_of_all_levels(golden_timeloop: Path) -> None:
    levels = parse(text(golden_timeloop))
    assert list(levels) == ["mac", "preg", "GLB", "DRAM"]
    assert {level.cycles for level in levels.values()} == {524288}
    mac = levels["mac"]
    assert (mac.computes, mac.used, mac.instances) == (512**3, 256, 256)
    assert mac.energy_pj == 573983455.97
    assert levels["preg"].matrices["B"].reads == 256 * 524288
    glb = levels["GLB"]
    assert glb.area_um2 == 1673710.0
    assert (glb.matrices["A"].reads, glb.matrices["A"].fills) == (32 * 512 * 512, 512 * 512)
    assert glb.matrices["Z"].updates == 32 * 512 * 512
    assert levels["DRAM"].matrices["B"].reads == 2 * 512 * 512


def test_energy_adds_up_to_the_files_summary(golden_timeloop: Path) -> None:
    """fJ a compute, in the summary that is not parsed: all of it but the scratchpad's leakage."""
    for case in (WS, "ideal_model_os_L16_512x512x512", "uber_mapper_ws_L16_512x512x512"):
        content = text(golden_timeloop, case)
        total = float(content.rpartition("Total")[2].partition("=")[2].split()[0])
        levels = parse(content)
        energy = sum(level.energy_pj for level in levels.values())
        assert energy * 1000 / 512**3 == pytest.approx(total, rel=2e-5)


def test_the_mappers_file_is_read_alike(golden_timeloop: Path) -> None:
    assert set(parse(text(golden_timeloop, "uber_mapper_ws_L16_512x512x512"))) == {
        "mac",
        "preg",
        "GLB",
        "DRAM",
    }


def test_an_area_that_the_tool_does_not_know_is_none(golden_timeloop: Path) -> None:
    content = re.sub(r"(?m)^( *Area +:) [0-9.].*$", r"\1 -", text(golden_timeloop))
    assert parse(content)["GLB"].area_um2 == 0.0


@pytest.mark.parametrize("content", ["", "garbage", "=== mac ===\n", "Networks\n--------\n", "\x00\xff" * 50])
def test_what_is_no_statistics_file_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match="timeloop statistics"):
        parse(content)


@pytest.mark.parametrize("lost", ["Cycles", "Scalar reads (per-instance)", "Instances", "Utilized capacity"])
def test_a_figure_that_is_missing_is_named(golden_timeloop: Path, lost: str) -> None:
    kept = "\n".join(line for line in text(golden_timeloop).splitlines() if lost not in line)
    with pytest.raises(ValueError, match=r"timeloop statistics: .* = missing: must be a number") as raised:
        parse(kept)
    assert lost in str(raised.value)


@pytest.mark.parametrize("value", ["many", "-1", "nan", "inf"])
def test_a_figure_that_is_no_count_is_refused(golden_timeloop: Path, value: str) -> None:
    broken = text(golden_timeloop).replace(": 8388608", f": {value}")
    with pytest.raises(ValueError, match=f"= {value}: must be a number"):
        parse(broken)


@given(st.text(max_size=300))
def test_any_other_text_is_refused(content: str) -> None:
    if "=== mac ===" not in content:
        with pytest.raises(ValueError, match="timeloop statistics"):
            parse(content)
