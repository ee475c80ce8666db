"""Stored words, sums and tables at widths of their own beside the operands'."""

from dataclasses import replace

import pandas as pd
import pytest

from accel_models import Design, Gemm, Hadamard, Lookup, Workload, evaluate, evaluate_many
from accel_models.technology import load_technology

WORDS = {"elementwise_bits": 16}


def test_none_is_the_operands_own_width() -> None:
    workload = Workload([Gemm(64, 64, 64), Hadamard(4096), Lookup(4096, 16)])
    own, same = (evaluate(Design(elementwise_bits=bits), workload) for bits in (None, 8))
    assert own.energy_parts == same.energy_parts
    assert own.area_parts == same.area_parts
    assert Design(data_width="int16").elementwise_width == "int16"


def test_element_wise_work_is_charged_at_the_width_of_stored_words() -> None:
    work = Workload([Hadamard(4096)])
    narrow, wide, int16 = (
        evaluate(Design(**fields), work) for fields in ({}, WORDS, {"data_width": "int16"})
    )
    mac = load_technology("45nm").mac
    assert narrow.energy_parts["hadamard"] == pytest.approx(4096 * mac["int8-32"].pj * 1e-12)
    assert wide.energy_parts["hadamard"] == pytest.approx(4096 * mac["int16-32"].pj * 1e-12)
    for part in ("hadamard", "output", "dram"):
        assert wide.energy_parts[part] == int16.energy_parts[part]
    assert narrow.area_parts["array"] < wide.area_parts["array"] < int16.area_parts["array"]


def test_products_keep_the_operands_width_in_array_and_input_scratchpads_and_cross_dram_as_words() -> None:
    one = Workload([Gemm(64, 64, 64)])
    narrow, wide = (evaluate(Design(**fields), one) for fields in ({}, WORDS))
    for part in ("mac", "input", "weight"):
        assert narrow.energy_parts[part] == wide.energy_parts[part]
    assert wide.dram_reads - narrow.dram_reads == 64 * 64  # A; B has the operands' width
    assert wide.dram_writes == 2 * narrow.dram_writes


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize("fill", ["serial", "none"])
def test_a_sum_of_words_takes_one_pass_whatever_the_multipliers(dataflow: str, fill: str) -> None:
    work = Workload([Gemm(100, 1, 70, wide=True)])
    product = Workload([Gemm(100, 1, 70)])
    shape = {"dataflow": dataflow, "fill": fill}
    narrow = evaluate(Design(**shape, **WORDS), work)
    int16 = evaluate(Design(**shape, data_width="int16"), work)
    assert narrow.macs == int16.macs == 7000
    assert narrow.compute_cycles == int16.compute_cycles
    assert narrow.compute_cycles == evaluate(Design(**shape), product).compute_cycles  # SCALE-Sim's
    assert narrow.energy_parts["mac"] < int16.energy_parts["mac"]  # an adder, no multiplier


def test_cells_that_add_wider_words_have_the_path_for_it() -> None:
    def array(dataflow: str, width: str, bits: int | None, accumulator: int = 32) -> float:
        fields = {"dataflow": dataflow, "data_width": width, "elementwise_bits": bits}
        design = Design(rows=8, cols=4, accumulator_bits=accumulator, **fields)
        return evaluate(design, Workload([Gemm(8, 8, 8)])).area_parts["array"]

    register, adder = 8.74 * 1e-6, (986.3557692307693 - 783.2019230769231) / 16 * 1e-6
    path = 8 * register + 32 * 1.862 / 4.256 * adder
    column = array("is", "int8", 16) - array("os", "int8", 16)
    assert column == pytest.approx((8 * 4 - 8) * path, rel=1e-4)  # all cells, less those of one column
    assert array("is", "int8", None) == array("os", "int8", None)
    assert array("is", "int16", None) == array("os", "int16", None)


def test_a_product_of_words_runs_digit_by_digit() -> None:
    operands, words = (Workload([Gemm(64, 2, 64, wide=wide)]) for wide in (False, True))
    assert evaluate(Design(**WORDS), words).macs == 2 * evaluate(Design(**WORDS), operands).macs
    assert evaluate(Design(), words).macs == evaluate(Design(), operands).macs


def test_a_table_has_its_own_width() -> None:
    tables = {width: Workload([Lookup(4096, 62, width=width)]) for width in (None, 8, 16)}
    fits = evaluate(Design(parameter_buffer=128, **WORDS), tables[8])
    with pytest.raises(
        ValueError, match="parameter_buffer = 128: must be at least 256 bytes to hold the table"
    ):
        evaluate(Design(parameter_buffer=128, **WORDS), tables[None])
    assert fits.energy_parts["parameter"] > 0
    read = {
        width: evaluate(Design(**WORDS), work).energy_parts["parameter"] for width, work in tables.items()
    }
    assert read[8] == pytest.approx(read[16] / 2) == pytest.approx(read[None] / 2)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"elementwise_bits": 12},
            "elementwise_bits = 12: must be one of 8, 16, or left out",
        ),
        ({"elementwise_bits": 8, "data_width": "int16"}, "elementwise_bits = 8: must be at least 16 with"),
        (
            {"elementwise_bits": 16, "data_width": "fp32"},
            "elementwise_bits = 16: must be left out with data_",
        ),
        ({"elementwise_bits": 17}, "elementwise_bits = 17: must be an integer from 8 to 16 bits or none"),
        ({"accumulator_bits": 48}, "accumulator_bits = 48: must be 16 or 32 with int8 in 45nm"),
    ],
)
def test_widths_without_a_figure_are_refused(fields: dict[str, object], line: str) -> None:
    with pytest.raises(ValueError) as caught:
        Design(**fields)  # type: ignore[arg-type]
    assert str(caught.value).startswith(line)


def test_many_designs_are_each_designs_own() -> None:
    work = Workload([Gemm(64, 64, 64), Gemm(64, 1, 64, wide=True), Hadamard(999), Lookup(999, 16, width=8)])
    frame = pd.DataFrame({"data_width": ["int8", "int8", "int16"], "elementwise_bits": [None, 16, None]})
    found = evaluate_many(frame, work)
    for row, (data, bits) in enumerate([("int8", None), ("int8", 16), ("int16", None)]):
        design = Design(data_width=data, elementwise_bits=bits)
        assert found.energy_j[row] == evaluate(design, work).energy_j


def test_a_lookups_width_is_checked_and_survives_json() -> None:
    with pytest.raises(ValueError, match=r"lookup.width = 1: must be an integer from 2 to 32 bits or none"):
        Lookup(1, 4, width=1)
    with pytest.raises(ValueError, match=r"gemm.wide = 1: must be true or false"):
        Gemm(1, 1, 1, wide=1)  # type: ignore[arg-type]
    work = Workload([Lookup(4, 4, width=8), Gemm(4, 1, 4, wide=True)])
    assert Workload.from_dict(work.to_dict()) == work


@pytest.mark.parametrize("cell", ["fixed", "subword", "bitserial"])
@pytest.mark.parametrize("z_bits", [8, 16])
def test_words_cross_at_their_stored_width_in_one_design_and_in_many(cell: str, z_bits: int) -> None:
    """A comes from DRAM as stored words, B at its own width, the result goes as stored words."""
    m, n, k = 128, 64, 256
    work = Workload([Gemm(m, n, k, a_bits=8, b_bits=4, z_bits=z_bits), Gemm(m, n, k)])
    design = Design(rows=8, cols=8, technology="28nm", cell=cell, **WORDS)
    report = evaluate(design, work)
    mixed, plain = report.layers.iloc[0], report.layers.iloc[1]
    assert mixed.dram_reads == m * k * z_bits / 8 + k * n * 4 / 8
    assert mixed.dram_writes == m * n * z_bits / 8
    assert plain.dram_reads == m * k * 2 + k * n
    weight = Workload([work.operations[0]]), Workload([work.operations[1]])
    narrow, whole = (evaluate(design, one).energy_parts["weight"] for one in weight)
    assert narrow == pytest.approx(whole / 2, rel=1e-9)  # the scratchpad of B has half the bytes
    many = evaluate_many([design, replace(design, dataflow="os")], work)
    for column in ("cycles", "energy_j", "dram_reads", "dram_writes"):
        assert many[column][0] == getattr(report, column)
