"""evaluate and evaluate_many: one result, in all its parts, and the properties that any cost must have."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import (
    TECHNOLOGIES,
    CostReport,
    Design,
    Designs,
    Gemm,
    Hadamard,
    Lookup,
    Move,
    Workload,
    evaluate,
    evaluate_many,
)  # fmt: skip
from accel_models.backends import analytic

FIGURES = (
    "cycles", "compute_cycles", "stall_cycles", "latency_s", "energy_j", "power_w", "throughput",
    "throughput_per_watt", "utilisation", "macs", "dram_reads", "dram_writes", "area_mm2",
)  # fmt: skip


def random_designs(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)

    def integers(low: int, high: int) -> Any:
        return np.exp(rng.uniform(np.log(low), np.log(high), count)).astype(int)

    def choices(*options: Any) -> Any:
        return rng.choice(options, count)

    frame = pd.DataFrame(
        {
            "rows": integers(1, 256), "cols": integers(1, 256), "dataflow": choices("ws", "os", "is"),
            "input_buffer": integers(64, 1 << 20), "weight_buffer": integers(64, 1 << 20),
            "output_buffer": integers(64, 1 << 20), "parameter_buffer": integers(64, 4096),
            "buffering": choices("double", "buffet", "single"), "activations": choices("dram", "on_chip"),
            "data_width": choices("int8", "int16", "fp16", "bf16", "fp32"),
            "clock": rng.uniform(1e8, 4.5e8, count), "dram_bandwidth": rng.uniform(1e8, 1e12, count),
            "dram": choices("LPDDR4", "HBM2"), "hadamard": choices("diagonal", "full"),
            "addressing": choices("dyadic", "comparator"), "fill": choices("serial", "overlapped", "none"),
            "technology": choices(*TECHNOLOGIES),
        }
    )  # fmt: skip
    return frame.assign(shared_buffer=np.where(rng.random(count) < 0.3, integers(4096, 1 << 20), np.nan))


def as_design(row: pd.Series) -> Design:
    values = {name: value.item() if hasattr(value, "item") else value for name, value in row.items()}
    shared = values.pop("shared_buffer")
    return Design(**values, shared_buffer=None if np.isnan(shared) else int(shared))


def test_many_equal_one_by_one_to_the_bit(mixed: Workload) -> None:
    frame = random_designs(120)
    many = evaluate_many(frame, mixed)
    assert 30 < (many.reason == "").sum() < 110
    for (index, row), figures in zip(frame.iterrows(), many.to_dict("records"), strict=True):
        if figures["reason"]:
            with pytest.raises(ValueError) as caught:
                evaluate(as_design(row), mixed)
            assert str(caught.value) == figures["reason"], index
            assert np.isnan([figures[name] for name in FIGURES]).all()
            continue
        one = evaluate(as_design(row), mixed)
        assert [getattr(one, name) for name in FIGURES] == [figures[name] for name in FIGURES], index
        assert one.energy_parts == {name: figures[f"energy_{name}_j"] for name in one.energy_parts}
        assert one.area_parts == {name: figures[f"area_{name}_mm2"] for name in one.area_parts}


def test_many_take_designs_or_a_frame_in_any_order(mixed: Workload) -> None:
    frame = random_designs(60, seed=1).set_index(np.arange(60) * 2)
    many = evaluate_many(frame, mixed)
    assert list(many.index) == list(frame.index)
    listed = evaluate_many([as_design(row) for _, row in frame.iterrows()], mixed)
    backwards = evaluate_many(frame[::-1], mixed)[::-1]
    pd.testing.assert_frame_equal(many.reset_index(drop=True), listed, check_exact=True)
    pd.testing.assert_frame_equal(many, backwards, check_exact=True)


OPERATIONS = st.one_of(
    st.builds(Gemm, *[st.integers(1, 40)] * 3),
    st.builds(Hadamard, st.integers(1, 500)),
    st.builds(Lookup, st.integers(1, 500), st.integers(1, 20), st.just("dyadic")),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(OPERATIONS, min_size=1, max_size=6), min_size=2, max_size=4), st.integers(4, 9))
def test_one_workload_after_another_costs_what_each_does_alone(
    workloads: list[list[Any]], exponent: int
) -> None:
    """Whatever the designs ran before: the same GEMMs, others, none; divided into other parts, or not."""
    frame = random_designs(40, seed=2)
    designs = Designs(frame)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("accel_models.backends.analytic._CHUNK", 1 << exponent)
        for operations in [*workloads, workloads[0]]:
            workload = Workload(operations)
            alone = evaluate_many(frame, workload)
            pd.testing.assert_frame_equal(designs.evaluate(workload), alone, check_exact=True)


def test_gemms_are_counted_anew_only_where_they_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    count = analytic.count

    def noted(operations: Any, *rest: Any) -> Any:
        counted.append(sum(isinstance(op, Gemm) for op in operations))
        return count(operations, *rest)

    monkeypatch.setattr(analytic, "count", noted)
    designs = Designs([Design()])
    for segments, rows in ((8, 16), (16, 16), (16, 8)):
        designs.evaluate(Workload([Gemm(rows, 8, 8), Lookup(64, segments, "dyadic")]))
    assert counted == [1, 0, 0, 1, 0]


def test_tables_may_hold_missing_optional_values_in_any_dtype() -> None:
    workload = Workload([Gemm(64, 64, 64), Hadamard(100)])
    plain = evaluate_many([Design(), Design(shared_buffer=1 << 17)], workload)
    for dtype in ("float64", "Int64", "object"):
        shared = pd.Series([None, 1 << 17], dtype=dtype)
        frame = pd.DataFrame({"shared_buffer": shared, "dataflow": pd.Categorical(["ws", "ws"])})
        pd.testing.assert_frame_equal(evaluate_many(frame, workload), plain, check_exact=True)


def test_totals_are_the_sums_of_the_layers(mixed: Workload) -> None:
    report = evaluate(Design(), mixed)
    layers = report.layers
    assert list(layers["name"])[:3] == ["first", "gelu", "second"]
    for name in ("cycles", "compute_cycles", "stall_cycles", "dram_reads", "dram_writes"):
        assert layers[name].sum() == getattr(report, name)
    assert layers["energy_j"].sum() == pytest.approx(report.energy_j, rel=1e-12)
    for name, joules in report.energy_parts.items():
        assert layers[f"energy_{name}_j"].sum() == pytest.approx(joules, rel=1e-12)
    assert sum(report.energy_parts.values()) == pytest.approx(report.energy_j, rel=1e-12)
    assert sum(report.area_parts.values()) == pytest.approx(report.area_mm2, rel=1e-12)
    assert report.throughput == 2 / report.latency_s
    assert report.throughput_per_watt == pytest.approx(2 / report.energy_j, rel=1e-12)


def test_a_notebook_shows_the_totals(mixed: Workload) -> None:
    shown = evaluate(Design(), mixed)._repr_html_()
    assert "throughput_per_watt" in shown
    assert "layer_columns" not in shown


def test_energy_by_hand() -> None:
    """45 nm: int8 MAC 1.15366 pJ; 64 KiB SRAM 3.23369 read, 2.45608 write; LPDDR4 64 pJ a byte."""
    sizes = {f"{name}_buffer": 65536 for name in ("input", "weight", "output")}
    report = evaluate(Design(**sizes), Workload([Gemm(16, 16, 16)]))
    assert report.energy_parts["mac"] == pytest.approx(4096 * 1.15366e-12)
    assert report.energy_parts["input"] == pytest.approx(256 * (3.23369 + 2.45608) * 1e-12)
    assert report.energy_parts["dram"] == pytest.approx(3 * 256 * 64e-12)
    # One pass over K: 256 sums of 4 bytes written, then read to be sent.
    assert report.energy_parts["output"] == pytest.approx(256 * 4 * (3.23369 + 2.45608) * 1e-12)
    assert report.area_parts["input"] == pytest.approx(0.209046)


IDEAL: dict[str, Any] = {"dram_latency": 0.0, "dram_burst": 1, "tile_cycles": 0.0, "start": "loaded"}
"""Nothing is lost between tiles, as Timeloop and SCALE-Sim count."""


def test_bound_by_memory_or_compute() -> None:
    slow = evaluate(Design(dram_bandwidth=1e7, **IDEAL), Workload([Gemm(64, 64, 64)]))
    fast = evaluate(Design(dram_bandwidth=1e12, **IDEAL), Workload([Gemm(64, 64, 64)]))
    assert slow.layers["bound"][0] == "memory"
    assert fast.layers["bound"][0] == "compute"
    assert slow.cycles == 3 * 64 * 64 * 1e9 / 1e7
    assert (fast.stall_cycles, fast.cycles) == (0, fast.compute_cycles)


def test_single_buffering_adds_what_double_hides() -> None:
    workload = Workload([Gemm(64, 64, 64)])
    single, buffet = (evaluate(Design(buffering=name, **IDEAL), workload) for name in ("single", "buffet"))
    assert single.stall_cycles == np.ceil(3 * 64 * 64 * 1e9 / 25.6e9)
    assert buffet.cycles == max(single.compute_cycles, single.stall_cycles)


# Properties

gemms = st.builds(Gemm, *[st.integers(1, 300)] * 3, st.just("g"), st.integers(1, 4))
others = st.one_of(
    st.builds(Hadamard, st.integers(1, 10**6)),
    st.builds(Move, st.integers(1, 10**6)),
    st.builds(
        Lookup, st.integers(1, 10**6), st.integers(1, 64),
        st.sampled_from(["shift", "dyadic", "exponent", "comparator"]), st.sampled_from(["a", "b", "c"]),
    ),
)  # fmt: skip
workloads = st.lists(st.one_of(gemms, others), min_size=1, max_size=5).map(Workload)
sizes = st.integers(12, 19).flatmap(lambda bits: st.integers(1 << bits, 1 << (bits + 1)))
designs = st.builds(
    Design,
    rows=st.integers(1, 24), cols=st.integers(1, 24), dataflow=st.sampled_from(["ws", "os", "is"]),
    input_buffer=sizes, weight_buffer=sizes, output_buffer=sizes, parameter_buffer=st.integers(1024, 4096),
    shared_buffer=st.one_of(st.none(), st.integers(1 << 14, 1 << 20)),
    buffering=st.sampled_from(["double", "buffet", "single"]),
    data_width=st.sampled_from(["int8", "int16", "fp32"]),
    dram_bandwidth=st.floats(1e8, 1e12), hadamard=st.sampled_from(["diagonal", "full"]),
    fill=st.sampled_from(["serial", "overlapped", "none"]), technology=st.sampled_from(TECHNOLOGIES),
)  # fmt: skip


def traffic(report: CostReport) -> float:
    return report.dram_reads + report.dram_writes


@settings(deadline=None, max_examples=40)
@given(designs, workloads, st.floats(1, 100))
def test_more_bandwidth_is_never_slower(design: Design, workload: Workload, factor: float) -> None:
    design = replace(design, fill="none", **IDEAL)
    faster = replace(design, dram_bandwidth=design.dram_bandwidth * factor)
    assert evaluate(faster, workload).cycles <= evaluate(design, workload).cycles


@settings(deadline=None, max_examples=40)
@given(
    designs, workloads, st.integers(1, 1 << 18), st.sampled_from(["dram", "on_chip"]),
    st.sampled_from(["input_buffer", "weight_buffer", "output_buffer", "parameter_buffer", "shared_buffer"]),
)  # fmt: skip
def test_a_larger_scratchpad_is_never_slower(
    design: Design, workload: Workload, more: int, activations: str, field: str
) -> None:
    design = replace(design, activations=activations, fill="none", **IDEAL)
    size = getattr(design, field) or 1 << 18
    design = replace(design, **{field: size})
    larger = replace(design, **{field: min(size + more, 1 << 20)})
    assert evaluate(larger, workload).cycles <= evaluate(design, workload).cycles


@settings(deadline=None, max_examples=40)
@given(designs, workloads)
def test_compulsory_work_is_always_paid(design: Design, workload: Workload) -> None:
    report = evaluate(design, workload)
    word = {"int8": 1, "int16": 2, "fp32": 4}[design.data_width]
    products = [op for op in workload.operations if isinstance(op, Gemm)]
    least = sum(op.count * (op.m * op.k + op.k * op.n + op.m * op.n) * word for op in products)
    assert traffic(report) >= least
    assert report.energy_j >= report.energy_parts["mac"] + least * 64e-12
    assert report.cycles * design.rows * design.cols >= workload.macs
    assert report.energy_j >= sum(report.energy_parts.values()) * (1 - 1e-12)
    assert min(report.energy_parts.values()) >= 0


@settings(deadline=None, max_examples=40)
@given(designs, gemms, st.integers(2, 5))
def test_splitting_a_batch_is_never_cheaper(design: Design, gemm: Gemm, batch: int) -> None:
    design = replace(design, fill="none", **IDEAL)
    part = evaluate(design, Workload([gemm]))
    whole = evaluate(design, Workload([replace(gemm, m=gemm.m * batch)], batch))
    assert whole.cycles <= batch * part.cycles


@settings(deadline=None, max_examples=40)
@given(designs, others, st.integers(2, 8))
def test_splitting_element_wise_batches_is_never_cheaper(design: Design, op: Any, batch: int) -> None:
    whole = evaluate(design, Workload([replace(op, elements=op.elements * batch)], batch))
    part = evaluate(design, Workload([op], 1))
    assert whole.cycles <= batch * part.cycles
    assert whole.energy_j <= batch * part.energy_j * (1 + 1e-12)


# Bad input


@pytest.mark.parametrize(
    ("design", "workload", "text"),
    [
        ({"input_buffer": 256}, [Gemm(64, 64, 64)], ""),
        (
            {"weight_buffer": 511},
            [Gemm(64, 64, 64, "fc")],
            "weight_buffer = 511: must be at least 512 bytes to hold one double-buffered tile of fc",
        ),
        ({"output_buffer": 64}, [Gemm(64, 64, 64)], "output_buffer = 64: must be at least 128 bytes"),
        ({"output_buffer": 64, "buffering": "buffet"}, [Gemm(64, 64, 64)], ""),
        ({"shared_buffer": 511}, [Gemm(64, 64, 64)], "shared_buffer = 511: must be at least 672 bytes"),
        (
            {"parameter_buffer": 64},
            [Lookup(9, 31, name="exp")],
            "parameter_buffer = 64: must be at least 66 bytes to hold the table of exp",
        ),
        ({"max_segments": 16}, [Lookup(9, 31)], "max_segments = 16: must be at least 31"),
        ({"addressing": "dyadic"}, [Lookup(9, 31, name="exp")], "addressing = dyadic: must be comparator"),
        ({"addressing": "shift"}, [Lookup(9, 31, "exponent")], "addressing = shift: must be dyadic"),
    ],
)  # fmt: skip
def test_designs_that_cannot_run_a_workload(design: dict[str, Any], workload: list[Any], text: str) -> None:
    many = evaluate_many([Design(**design)], Workload(workload))
    if not text:
        assert evaluate(Design(**design), Workload(workload)).cycles == many.cycles[0]
        return
    with pytest.raises(ValueError) as caught:
        evaluate(Design(**design), Workload(workload))
    assert str(caught.value).startswith(text)
    assert many.reason[0] == str(caught.value)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ({"rows": [4, 0]}, "rows = 0: must be an integer from 1 to 1024"),
        ({"rows": [4.5]}, "rows = 4.5: must be an integer"),
        ({"rows": ["4"]}, "rows = 4: must be an integer"),
        ({"rows": [None, 3]}, "rows = nan: must be an integer"),
        ({"dataflow": ["ws", "rs"]}, "dataflow = rs: must be one of ws, os, is"),
        ({"dram_bandwidth": [np.inf]}, "dram_bandwidth = inf: must be a number"),
        ({"data_width": ["int8"], "accumulator_bits": [48]}, "accumulator_bits = 48: must be 16 or 32"),
        ({"input_buffer": [1 << 21]}, "input_buffer = 2097152: must be at most 1048576 bytes with banks = 1"),
    ],
)
def test_a_bad_design_has_its_reason_and_the_others_their_figures(frame: dict[str, Any], text: str) -> None:
    workload = Workload([Gemm(8, 8, 8)])
    bad = pd.DataFrame(frame)
    rows = pd.concat([pd.DataFrame([Design().to_dict()])[list(bad.columns)], bad], ignore_index=True)
    many = evaluate_many(rows, workload)
    assert many.reason.iloc[-1].startswith(text) or many.reason.iloc[1:].str.startswith(text).any()
    refused = many.reason != ""
    assert many.drop(columns="reason")[refused].isna().all(axis=None)
    assert not refused[0]
    assert many.cycles[0] == evaluate(Design(), workload).cycles


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ({"rowz": [4]}, "rowz = (a column): must be left out"),
        ({"rows": []}, "designs = none: must be at least one design"),
    ],
)
def test_bad_tables_of_designs(frame: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        evaluate_many(pd.DataFrame(frame), Workload([Gemm(1, 1, 1)]))
    assert str(caught.value).startswith(text)


def test_other_bad_arguments() -> None:
    workload: Any = Workload([Gemm(1, 1, 1)])
    with pytest.raises(ValueError, match="backend = x: must be one of analytic"):
        evaluate(Design(), workload, backend="x")
    wrong: Any = [Gemm(1, 1, 1)]
    with pytest.raises(ValueError, match="must be a Workload"):
        evaluate(Design(), wrong)
    with pytest.raises(ValueError, match="must be a Design"):
        evaluate(wrong, workload)
    with pytest.raises(ValueError, match="must be Design values"):
        evaluate_many(wrong, workload)


def test_import_needs_neither_torch_nor_pandas() -> None:
    code = "import sys, accel_models; sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - own code
