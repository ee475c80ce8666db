"""What a design takes of a programmable part, by published rules; and designs that do not fit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from accel_models import Design, Gemm, Workload, evaluate, evaluate_many
from accel_models.technology.parts import FAMILIES, PARTS

WORK = Workload([Gemm(64, 64, 64)])
KIB = 1024


def built(part: str = "xc7z045", **fields: Any) -> Design:
    small = {f"{name}_buffer": 32 * KIB for name in ("input", "weight", "output")}
    technology = FAMILIES[PARTS[part]["family"]]
    return Design(part=part, technology=technology, clock=1e8, **{"dataflow": "os", **small, **fields})


@pytest.mark.parametrize(
    ("part", "lut", "ff", "dsp", "bram"),
    [
        ("xc7z020", 53_200, 106_400, 220, 280),  # DS190: 140 blocks of 36 Kb
        ("xc7vx690t", 433_200, 866_400, 3_600, 2_940),  # DS180
        ("xczu9eg", 274_080, 548_160, 2_520, 1_824),  # DS891
        ("xcvu9p", 1_182_240, 2_364_480, 6_840, 4_320),  # DS890
    ],
)
def test_parts_have_their_data_sheets_resources(part: str, lut: int, ff: int, dsp: int, bram: int) -> None:
    values = PARTS[part]
    assert (values["lut"], values["ff"], values["dsp"], values["bram"]) == (lut, ff, dsp, bram)
    assert values["source"].startswith("Xilinx DS")


@pytest.mark.parametrize(
    ("part", "width", "dsp"),
    [
        ("xc7z045", "int8", 256),  # a DSP48E1 each
        ("xc7z045", "int16", 256),
        ("xczu9eg", "int8", 128 + 16),  # two products a DSP48E2, and the diagonal's own
        ("xczu9eg", "int16", 256),
    ],
)
def test_multiply_adds_take_dsp_slices(part: str, width: str, dsp: int) -> None:
    assert evaluate(built(part, data_width=width), WORK).dsp == dsp


def test_scratchpads_take_block_rams_for_their_bytes_and_their_width() -> None:
    report = evaluate(built(rows=16, cols=16, parameter_buffer=512), WORK)
    # 32 KiB are 16 blocks of 2 KiB; 16 columns of 32-bit sums are 512 bits, 16 blocks of 32
    assert report.bram == 3 * 16
    wide = evaluate(built(rows=16, cols=32, parameter_buffer=512), WORK)
    assert wide.bram == 16 + 16 + 32
    tables = evaluate(built(rows=16, cols=16, parameter_buffer=4 * KIB), WORK)
    assert tables.bram - report.bram == 16 * 2
    assert report.lut - evaluate(built(rows=16, cols=16, parameter_buffer=256), WORK).lut == 16 * (64 - 32)


def test_addressing_takes_lookup_tables_and_flip_flops() -> None:
    trees, shift = (
        evaluate(built(addressing=kind, max_segments=62), WORK) for kind in ("comparator", "shift")
    )
    assert trees.lut - shift.lut == 16 * 5 * 8 / 2
    assert trees.ff - shift.ff == 16 * 5 * 8


def test_a_part_stands_in_for_area() -> None:
    report = evaluate(built(), WORK)
    assert np.isnan(report.area_mm2)
    assert report.energy_j > 0
    chip = evaluate(Design(), WORK)
    assert np.isnan([chip.lut, chip.ff, chip.dsp, chip.bram]).all()
    frame = evaluate_many([built(), Design()], WORK)
    assert frame[["lut", "ff", "dsp", "bram"]].notna().all(axis=1).tolist() == [True, False]
    assert frame.dsp[0] == report.dsp


def test_a_design_that_does_not_fit_is_refused_with_what_is_missing() -> None:
    design = built("xc7z020", rows=16, cols=16, output_buffer=1024 * KIB, banks=4)
    text = "part = xc7z020: must be one with at least 256 DSP, 576 BRAM of 18 Kb; it has 220, 280"
    with pytest.raises(ValueError) as caught:
        evaluate(design, WORK)
    assert str(caught.value) == text
    frame = evaluate_many([design, built("xc7z020", rows=8)], WORK)
    assert frame.reason.tolist() == [text, ""]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"part": "xc7z020"}, "technology = 45nm: must be fpga28 with part = xc7z020"),
        (
            {"part": "xczu9eg", "technology": "fpga28"},
            "technology = fpga28: must be fpga16 with part = xczu9eg",
        ),
        (
            {"part": "xc7z020", "technology": "fpga28", "data_width": "fp16"},
            "data_width = fp16: must be int8 or int16 with part = xc7z020",
        ),
        ({"part": "xc9"}, "part = xc9: must be one of none, xc7a35t"),
    ],
)
def test_what_no_part_has_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Design(**fields)
    assert str(caught.value).startswith(text)


def test_more_of_anything_takes_no_less() -> None:
    base = evaluate(built("xcvu9p"), WORK)
    for change in (
        {"rows": 32},
        {"cols": 32},
        {"output_buffer": 64 * KIB},
        {"banks": 8},
        {"fill": "overlapped"},
    ):
        more = evaluate(replace(built("xcvu9p"), **change), WORK)
        for name in ("lut", "ff", "dsp", "bram"):
            assert getattr(more, name) >= getattr(base, name)
