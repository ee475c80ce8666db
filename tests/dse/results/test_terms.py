"""Our model on Timeloop's terms against a double of Timeloop: nothing is left where loops divide."""

import pytest

from accel_models import (
    OUTSIDE,
    Design,
    Flow,
    Gemm,
    Hadamard,
    Lookup,
    Precision,
    Read,
    Workload,
    evaluate,
    map_gemm,
)
from accel_models.backends.timeloop import choose, on_terms, products_of
from accel_models.backends.timeloop.front_end import FrontEnd

EVALUATION = "accel_models.backends.timeloop.evaluation"
DIVIDES = [Gemm(128, 256, 512, "a"), Gemm(64, 64, 256, "b", count=3), Gemm(256, 128, 128, "c", wide=True)]
REST = [Lookup(4096, 16, name="gelu"), Hadamard(4096), Gemm(64, 1, 64, "sum", wide=True)]


@pytest.fixture(autouse=True)
def timeloop(monkeypatch, tmp_path, timeloop_double):
    front_end = FrontEnd("python", "double", "1", (), {"timeloop-model": __file__})
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(tmp_path))
    monkeypatch.setattr(f"{EVALUATION}.find", lambda *_: front_end)
    monkeypatch.setattr(f"{EVALUATION}.run", timeloop_double.run)


def compare(design, workload):
    products = [operations[0] for operations in products_of(workload).values()]
    assert all(choose(design, gemm) == map_gemm(design, gemm) for gemm in products)  # loops divide
    ours, theirs = on_terms(design, workload), evaluate(design, workload, backend="timeloop", tables="model")
    for name in ours.layer_columns:
        if name not in ("name", "kind", "bound"):
            assert ours.layers[name].tolist() == pytest.approx(theirs.layers[name].tolist(), rel=1e-9), name
    assert ours.energy_parts == pytest.approx(theirs.energy_parts, rel=1e-9)
    assert (ours.cycles, ours.area_parts) == (theirs.cycles, theirs.area_parts)
    return ours


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"elementwise_bits": 16},  # stored words twice an operand
        {"data_width": "int16", "accumulator_bits": 48},
        {"buffering": "single"},
        {"buffering": "buffet", "fill": "overlapped", "activations": "on_chip", "output_buffer": 1 << 14},
        {"shared_buffer": 1 << 19, "elementwise_bits": 16},
        {"accumulator_buffer": 1 << 13, "elementwise_bits": 16},
        {"accumulator_buffer": 1 << 13, "shared_buffer": 1 << 19},
        {"dram_bandwidth": 1e9, "elementwise_bits": 16},
        {"mapping": "energy", "input_buffer": 2048, "weight_buffer": 2048, "output_buffer": 2048},  # spills
    ],
)
def test_what_is_left_is_counting(dataflow, fields):
    small = dict.fromkeys(("input_buffer", "weight_buffer", "output_buffer"), 8192)
    design = Design(**{"rows": 8, "cols": 8, "dataflow": dataflow, **small, **fields})
    found = compare(design, Workload([*DIVIDES, *REST]))
    model = evaluate(design, Workload([*DIVIDES, *REST]))
    assert found.layers.iloc[3:].equals(model.layers.iloc[3:])  # element-wise work, with its fill
    assert found.area_mm2 == model.area_mm2


@pytest.mark.parametrize("cell", ["fixed", "subword", "bitserial"])
@pytest.mark.parametrize(("dataflow", "shared"), [("ws", None), ("os", None), ("is", 1 << 19)])
def test_layers_with_widths_of_their_own(cell, dataflow, shared):
    """Each crosses scratchpads and DRAM at its own widths: as in `evaluate`, where all else is equal."""
    precision = Precision(weights=4, overrides={"b": {"weights": 2, "activations": 4, "stored": 8}})
    work = precision.apply(Workload(DIVIDES[:2]))
    design = Design(
        rows=8, cols=8, dataflow=dataflow, technology="28nm", cell=cell, elementwise_bits=16,
        shared_buffer=shared, input_buffer=65536, weight_buffer=65536, output_buffer=65536,
    )  # fmt: skip
    found, model = compare(design, work), evaluate(design, work)
    assert found.layers.dram_reads.tolist() == model.layers.dram_reads.tolist()
    assert found.layers.dram_writes.tolist() == model.layers.dram_writes.tolist()
    assert found.energy_parts["mac"] == pytest.approx(model.energy_parts["mac"], rel=1e-9)
    assert found.energy_parts["register"] == pytest.approx(model.energy_parts["register"], rel=1e-9)
    assert found.energy_parts["dram"] == pytest.approx(model.energy_parts["dram"], rel=1e-9)
    if shared is None:
        assert found.energy_parts["input"] == pytest.approx(model.energy_parts["input"], rel=1e-9)
        assert found.energy_parts["weight"] == pytest.approx(model.energy_parts["weight"], rel=1e-9)


def test_one_shape_of_two_widths_is_two_products():
    work = Workload([Gemm(64, 64, 64, "wide"), Gemm(64, 64, 64, "narrow", b_bits=4)])
    report = evaluate(Design(rows=8, cols=8), work, backend="timeloop")
    reads = report.layers.dram_reads
    assert reads[0] - reads[1] == 64 * 64 / 2  # weights of half the width
    assert len(report.levels) == 2 * 7
    assert "widths of their own" in "".join(report.notes)


def test_chains_join_no_product_that_writes_its_result():
    """A chain that would join reads what the product, as Timeloop counts it, wrote to DRAM."""
    size = 256 * 2048
    flow = [Flow((Read(OUTSIDE, 256 * 64),), size, "rows", 2048), Flow((Read(0, size),), size)]
    work = Workload([Gemm(256, 2048, 64), Lookup(size, 16, name="gelu")], 1, flow)
    design = Design(rows=8, cols=8, elementwise_bits=16)
    assert evaluate(design, work).layers.dram_reads[1] == 0  # it joins
    found = compare(design, work)
    assert found.layers.dram_reads[1] == 2 * size
    assert "run by themselves" in "".join(evaluate(design, work, backend="timeloop", tables="model").notes)
