"""Designs: validated, described as data, saved and read back; presets and technologies."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accel_models import PRESETS, TECHNOLOGIES, Design, Gemm, Workload, evaluate, load_technology, sources
from accel_models.checks import Choice, FloatRange, IntRange


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_saved_and_loaded(suffix: str, tmp_path: Path) -> None:
    for design in (Design(), Design(shared_buffer=5000, operand_bandwidth=7, clock=3e8), *PRESETS.values()):
        design.save(tmp_path / f"d{suffix}")
        again = Design.load(tmp_path / f"d{suffix}")
        assert again == design
        assert hash(again) == hash(design)
        assert Design.from_dict(design.to_dict()) == design


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"rows": 0}, "rows = 0: must be an integer from 1 to 1024"),
        ({"cols": 1025}, "cols = 1025: must be an integer from 1 to 1024"),
        ({"rows": 2.0}, "rows = 2.0: must be"),
        ({"rows": True}, "rows = True: must be"),
        ({"rows": "16"}, "rows = 16: must be"),
        ({"dataflow": "rs"}, "dataflow = rs: must be one of ws, os, is"),
        ({"input_buffer": -1}, "input_buffer = -1: must be an integer from 64 to 1073741824 bytes"),
        ({"output_buffer": 1 << 21}, "output_buffer = 2097152: must be at most 1048576 bytes with banks = 1"),
        ({"shared_buffer": 1 << 21}, "shared_buffer = 2097152: must be at most 1048576 bytes"),
        ({"clock": math.nan}, "clock = nan: must be a number from 1e+06 to 1e+10 Hz"),
        ({"dram_bandwidth": math.inf}, "dram_bandwidth = inf: must be a number"),
        ({"technology": "3nm"}, "technology = 3nm: must be one of 45nm, 28nm, 22nm, 7nm, fpga28"),
        ({"data_width": "int4"}, "data_width = int4: must be one of int8"),
        (
            {"data_width": "fp16", "accumulator_bits": 16},
            "accumulator_bits = 16: must be 32 with fp16 in 45nm",
        ),
        ({"dram": "SDRAM"}, "dram = SDRAM: must be one of LPDDR4"),
        ({"rowz": 3}, "rowz = 3: must be left out; fields are rows"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Design.from_dict(fields)
    assert str(caught.value).startswith(text)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.toml"
    path.write_text("rows = 0")
    with pytest.raises(ValueError, match=r"d\.toml: rows = 0: must be"):
        Design.load(path)
    path.write_text("rows = ")
    with pytest.raises(ValueError, match=r"d\.toml: "):
        Design.load(path)


def test_rules_describe_the_search_space() -> None:
    rules = Design.rules()
    assert list(rules) == list(Design.defaults())
    assert rules["rows"] == IntRange(1, 1024)
    assert rules["dataflow"] == Choice(("ws", "os", "is"))
    assert isinstance(rules["clock"], FloatRange)
    for name, rule in rules.items():
        assert rule.text()
        assert rule.check(name, Design.defaults()[name]) == Design.defaults()[name]


def test_presets_run_a_layer() -> None:
    for design in PRESETS.values():
        assert evaluate(design, Workload([Gemm(64, 128, 256)])).energy_j > 0


def test_every_figure_names_its_source() -> None:
    for name in TECHNOLOGIES:
        technology = load_technology(name)
        cells = [*technology.mac.values(), technology.register, technology.adder]
        assert all(cell.source and min(cell.pj, cell.area_um2, cell.leak_uw) > 0 for cell in cells)
        assert technology.sram.source


def test_sources_list_what_a_design_rests_on() -> None:
    found = {
        item.component: item for item in sources(Design(data_width="fp16", dram="HBM2", technology="fpga28"))
    }
    actions = ["mac fp16-32", "register bit", "adder bit", "sram", "dram HBM2"]
    assert list(found) == [*actions, "dram channel HBM2", "clock"]
    assert "Horowitz" in found["mac fp16-32"].source
    assert "Kuon and Rose" in found["sram"].source
    assert found["dram HBM2"].figure == "50 pJ a byte"
    fitted = sources(Design(part="xczu9eg", technology="fpga16", cell="subword"))
    assert [item.component for item in fitted[-2:]] == ["cell subword", "part xczu9eg"]
    assert all(item.source for item in fitted)


def test_sram_figures_pass_through_the_listed_sizes() -> None:
    sram = load_technology("45nm").sram
    assert sram.at(sram.size)[0] == pytest.approx(sram.read_pj, rel=1e-12)
    between = sram.at(np.array([65536 * math.sqrt(2)]))[2, 0]
    assert between == pytest.approx(math.sqrt(0.209046 * 0.429589), rel=1e-9)
    assert sram.at(np.array([64.0]))[0, 0] == pytest.approx(sram.read_pj[0])


def test_a_smaller_process_is_cheaper() -> None:
    found = [evaluate(Design(technology=name), Workload([Gemm(64, 64, 64)])) for name in TECHNOLOGIES[:4]]
    for older, newer in pairwise(found):
        assert newer.energy_parts["mac"] < older.energy_parts["mac"]
        assert newer.area_mm2 < older.area_mm2


def test_banks_multiply_area_and_allow_larger_scratchpads_that_wires_join() -> None:
    workload = Workload([Gemm(64, 64, 64)])
    one = evaluate(Design(input_buffer=1 << 20), workload)
    two = evaluate(Design(input_buffer=1 << 21, banks=2), workload)
    assert two.area_parts["input"] == pytest.approx(2 * 1.1 * one.area_parts["input"])
    assert 1.25 < two.energy_parts["input"] / one.energy_parts["input"] < 2.05


def test_a_shared_scratchpad_is_built_once() -> None:
    report = evaluate(Design(shared_buffer=1 << 18), Workload([Gemm(64, 64, 64)]))
    assert (report.area_parts["weight"], report.area_parts["output"]) == (0, 0)
    routed = 1 + 0.1 * math.log2(3)  # three macros, to serve A, B and the result at once
    assert report.area_parts["input"] == pytest.approx(0.872093 * routed)
