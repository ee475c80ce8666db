"""Widths by operation: what narrower and wider operands cost in fixed, sub-word and bit-serial cells."""

from dataclasses import replace
from typing import Any

import pytest

from accel_models import TECHNOLOGIES, Design, Gemm, Lookup, Precision, Workload, evaluate, evaluate_many
from accel_models.technology import load_technology

PSMA = {  # pJ a MAC and um2 of arrays of 256, 28 nm, 1 GHz: results of PSMA-benchmark, Bit Fusion and Loom
    "subword": ({(8, 8): 1.1222, (8, 4): 0.5442, (8, 2): 0.2695, (4, 4): 0.2664, (2, 2): 0.0652}, 185925),
    "bitserial": ({(8, 8): 0.8026, (8, 4): 0.4319, (8, 2): 0.2312, (4, 4): 0.233, (2, 2): 0.063}, 191093),
}


def gemm(a: int | None = None, b: int | None = None, z: int | None = None) -> Workload:
    return Workload([Gemm(64, 64, 256, a_bits=a, b_bits=b, z_bits=z)])


def design(cell: str = "fixed", **fields: Any) -> Design:
    defaults = {"technology": "28nm", "clock": 1.133e9, "rows": 16, "cols": 16, "fill": "none"}
    return Design(cell=cell, **{**defaults, **fields})


@pytest.mark.parametrize("cell", PSMA)
@pytest.mark.parametrize("widths", PSMA["subword"][0])
def test_scalable_cells_cost_what_was_synthesised(cell: str, widths: tuple[int, int]) -> None:
    energies, area_um2 = PSMA[cell]
    work = gemm(*widths)
    report = evaluate(design(cell), work)
    pj = (report.energy_parts["mac"] + report.energy_parts["register"]) / work.macs * 1e12
    assert pj == pytest.approx(energies[widths], rel=1e-3)
    area = evaluate(design(cell, elementwise_bits=None), gemm()).area_parts["array"]
    fixed = evaluate(design(), gemm()).area_parts["array"]
    own = load_technology("28nm")
    lanes = 16 * (own.mac["int8-32"].area_um2 + 48 * own.register.area_um2)
    assert area - fixed == pytest.approx((area_um2 - 16 * lanes) * 1e-6, rel=1e-3)


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize(
    ("cell", "widths", "faster"),
    [
        ("fixed", (4, 4), 1),
        ("subword", (8, 8), 1),
        ("subword", (8, 4), 2),
        ("subword", (4, 4), 4),
        ("subword", (8, 3), 2),  # rounded up to 4
        ("subword", (2, 2), 16),
        ("bitserial", (8, 4), 2),
        ("bitserial", (4, 2), 8),
    ],
)
def test_narrower_operands_run_faster_in_scalable_cells(
    dataflow: str, cell: str, widths: tuple[int, int], faster: float
) -> None:
    work, own = gemm(*widths), gemm()
    report, base = (evaluate(design(cell, dataflow=dataflow), w) for w in (work, own))
    assert base.compute_cycles == faster * report.compute_cycles
    assert report.macs == base.macs


def test_a_fixed_cell_gains_traffic_alone() -> None:
    narrow, own = (evaluate(design(dataflow="os"), gemm(b=b)) for b in (4, None))
    assert narrow.compute_cycles == own.compute_cycles
    assert narrow.energy_parts["mac"] == own.energy_parts["mac"]
    assert narrow.energy_parts["weight"] == pytest.approx(own.energy_parts["weight"] / 2)
    assert own.dram_reads - narrow.dram_reads == 256 * 64 / 2
    activations = evaluate(design(dataflow="os"), gemm(a=4))
    assert activations.energy_parts["input"] == pytest.approx(own.energy_parts["input"] / 2)
    assert activations.dram_reads == own.dram_reads  # they come as stored words
    stored = evaluate(design(dataflow="os"), gemm(z=16))
    assert stored.dram_writes == 2 * own.dram_writes


def test_wider_operands_run_digit_by_digit() -> None:
    wide, own = (evaluate(design(dataflow="os"), gemm(a=a, b=a)) for a in (16, None))
    assert wide.compute_cycles == 4 * own.compute_cycles
    assert wide.energy_parts["mac"] == pytest.approx(4 * own.energy_parts["mac"])
    half = evaluate(design("bitserial", dataflow="os"), gemm(16, 4))
    assert half.compute_cycles == evaluate(design("bitserial", dataflow="os"), gemm()).compute_cycles


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_every_process_has_scalable_cells_by_the_same_rule(technology: str) -> None:
    own, base = load_technology(technology), load_technology("28nm")

    def mac(name: Any) -> float:
        return float(name.mac["int8-32"].pj + 48 * name.register.pj)

    for cell, figures in own.scalable.items():
        assert figures.source
        for widths, pj in figures.pj.items():
            assert pj / base.scalable[cell].pj[widths] == pytest.approx(mac(own) / mac(base), rel=1e-3)


def test_between_listed_widths_energy_lies_between() -> None:
    def pj(*widths: int) -> float:
        return evaluate(design("bitserial"), gemm(*widths)).energy_parts["mac"]

    assert pj(2, 2) < pj(3, 2) < pj(3, 3) < pj(4, 4) < pj(6, 5) < pj(8, 4) < pj(8, 7) < pj(8, 8)


def test_many_designs_count_as_one() -> None:
    work = Workload([*gemm(4, 4).operations, *gemm().operations, *gemm(8, 2, 16).operations])
    designs = [
        design(cell, dataflow=d) for cell in ("fixed", "subword", "bitserial") for d in ("ws", "os", "is")
    ]
    frame = evaluate_many(designs, work)
    for row, own in enumerate(designs):
        report = evaluate(own, work)
        assert (report.cycles, report.energy_j) == (frame.cycles[row], frame.energy_j[row])
        assert report.layers.energy_j.sum() == pytest.approx(report.energy_j, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Gemm(1, 1, 1, a_bits=1), "gemm.a_bits = 1: must be an integer from 2 to 16 bits or none"),
        (lambda: Design(cell="magic"), "cell = magic: must be one of fixed, subword, bitserial"),
        (
            lambda: Design(cell="subword", data_width="int16"),
            "cell = subword: must be fixed with data_width = int16",
        ),
    ],
)
def test_bad_widths_are_refused(make: Any, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value).startswith(text)


# Precision


def test_precision_gives_layers_their_widths() -> None:
    work = Workload([Gemm(4, 4, 4, "a.dense"), Gemm(4, 4, 4, "b.dense"), Lookup(16, 8, name="a.gelu")])
    precision = Precision(
        weights=4, tables=12, overrides={"b.*": {"weights": 8}, "b.dense": {"activations": 6}}
    )
    first, second, table = precision.apply(work).operations
    assert isinstance(first, Gemm)
    assert isinstance(second, Gemm)
    assert isinstance(table, Lookup)
    assert (first.a_bits, first.b_bits, first.z_bits) == (8, 4, 16)
    assert (second.a_bits, second.b_bits) == (6, 8)
    assert table.width == 12
    assert Precision.from_dict(precision.to_dict()) == precision


def test_plain_widths_cost_what_a_design_of_them_does() -> None:
    work = Workload([Gemm(64, 64, 64)])
    design_ = Design(elementwise_bits=16)
    assert evaluate(design_, Precision().apply(work)).energy_j == evaluate(design_, work).energy_j


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Precision(weights=1).default, "precision.weights = 1: must be an integer from 2 to 16 bits"),
        (lambda: Precision(activations=12, stored=8).default, "precision.stored = 8: must be at least 12"),
        (
            lambda: Precision(overrides={"a": {"bits": 3}}),
            "precision.overrides['a'] = {'bits': 3}: must be some",
        ),
        (lambda: Precision(overrides={"a": {"sums": 5}}), "precision.overrides['a']: precision.sums = 5"),
        (lambda: Precision.from_dict({"width": 3}), "precision.width = 3: must be left out"),
        (
            lambda: Precision(overrides={"x": {"weights": 4}}).apply(gemm()),
            "precision.overrides['x'] = x: must be the name of an operation",
        ),
    ],
)
def test_bad_precision_is_refused(make: Any, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value).startswith(text)


def test_two_computed_operands_are_activations() -> None:
    from accel_models import OUTSIDE, Flow, Read

    flow = [
        Flow((Read(OUTSIDE, 16), Read(OUTSIDE, 16)), 16),
        Flow((Read(0, 16), Read(0, 16)), 16),
    ]
    work = Workload([Gemm(4, 4, 4, "project"), Gemm(4, 4, 4, "scores")], 1, flow)
    project, scores = Precision(weights=4).apply(work).operations
    assert isinstance(project, Gemm)
    assert isinstance(scores, Gemm)
    assert (project.b_bits, scores.b_bits) == (4, 8)
    assert replace(scores, b_bits=None, a_bits=None, z_bits=None) == work.operations[1]
