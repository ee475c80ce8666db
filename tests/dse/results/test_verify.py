"""The front scored again: against a double of Timeloop, and with all that can go wrong beside it."""

import shutil

import pytest

from accel_models import Design, Gemm, Workload, evaluate
from accel_models.backends.timeloop import TimeloopError, on_timeloops_terms
from accel_models.backends.timeloop.front_end import FrontEnd
from dse.errors import UserError
from dse.report import render
from dse.results import read
from dse.results.verify import COLUMNS, FILE, check, load, possible, verified, verify

EVALUATION = "accel_models.backends.timeloop.evaluation"


@pytest.fixture
def timeloop(monkeypatch, tmp_path, timeloop_double):
    """A machine with the double; returns a function that replaces it."""
    front_end = FrontEnd("python", "double", "1", (), {"timeloop-model": __file__, "accelergy": __file__})
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(f"{EVALUATION}.find", lambda *_: front_end)
    monkeypatch.setattr("dse.results.verify.find", lambda **_: front_end)
    monkeypatch.setattr(f"{EVALUATION}.default_tables", lambda design: "model")
    monkeypatch.setattr(f"{EVALUATION}.run", timeloop_double.run)
    return lambda run: monkeypatch.setattr(f"{EVALUATION}.run", run)


@pytest.fixture
def copied(study, tmp_path):
    """A copy of the whole run folder."""
    shutil.copytree(study.folder, tmp_path / "run")
    return read(tmp_path / "run")


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize("shared", [None, 512 * 1024])
def test_on_timeloops_terms_our_model_counts_as_timeloop_does(timeloop, dataflow, shared):
    """Sizes that divide and no spilled partial sums: cycles and DRAM bytes are equal, energy is within 2%."""
    shape = {"dataflow": dataflow, "data_width": "int16", "shared_buffer": shared}
    design = Design(**shape, buffering="buffet", fill="none")  # a second register a cell, in both
    workload = Workload([Gemm(128, 768, 768), Gemm(64, 64, 128, count=3)])
    theirs = evaluate(design, workload, backend="timeloop")
    ours = evaluate(*on_timeloops_terms(design, workload))
    assert theirs.compute_cycles == ours.compute_cycles
    assert theirs.dram_writes == ours.dram_writes
    assert theirs.dram_reads == pytest.approx(ours.dram_reads, rel=0.01)
    assert theirs.energy_parts["mac"] == pytest.approx(ours.energy_parts["mac"], rel=1e-9)
    assert theirs.energy_parts["register"] == pytest.approx(ours.energy_parts["register"], rel=1e-9)
    assert theirs.area_mm2 == ours.area_mm2


def test_the_terms_take_out_what_timeloop_does_not_know():
    design, workload = on_timeloops_terms(
        Design(fill="serial", activations="on_chip"), Workload([Gemm(8, 8, 9, a_distinct=20)], batch=2)
    )
    assert (design.fill, design.activations) == ("none", "dram")
    assert workload == Workload([Gemm(8, 8, 9)], batch=2)


def test_a_front_gets_a_table_and_the_study_stays_as_it_was(timeloop, copied):
    before = copied.trials
    calls = []
    table = verify(copied, lambda *place: calls.append(place))
    assert list(table.columns) == COLUMNS
    assert list(table.number) == list(copied.front.number)
    assert calls[-1][1] == calls[-1][2] == len(table)
    assert table.reason.isna().all()
    assert (table.timeloop_latency_s <= table.model_latency_s).all()  # no fill and drain
    for name in (
        "latency_s",
        "energy_j",
    ):  # all loops divide: nothing but counting is left, and both count alike
        assert table[f"timeloop_{name}"].tolist() == pytest.approx(table[f"terms_{name}"].tolist(), rel=1e-9)
    assert read(copied.folder).trials.equals(before)
    assert load(copied).number.tolist() == table.number.tolist()


def test_the_report_shows_both_with_the_difference(timeloop, copied):
    assert "by Timeloop" not in render(copied)
    verify(copied)
    page = render(copied)
    row = verified(copied)[0]
    assert "Timeloop against our model" in page
    assert page.count(row["difference"]["throughput_per_watt"]) >= 2
    assert "lookups, Hadamard products, moves and leakage by the analytic model" in page


def test_every_network_of_a_design_is_verified(timeloop, networks, tmp_path):
    shutil.copytree(networks.folder, tmp_path / "run")
    study = read(tmp_path / "run")
    table = verify(study)
    assert len(table) == 2 * len(study.front)
    assert set(table.network) == {"resnet50", "bert-base"}
    assert "Timeloop against our model" in render(study)


def test_a_design_without_a_result_keeps_its_place_with_the_reason(timeloop, copied):
    def fails(*_):
        raise TimeloopError("timeloop-model: not finished within 3 s", "the <end> of the log")

    timeloop(fails)
    table = verify(copied)
    assert table.timeloop_energy_j.isna().all()
    assert table.model_energy_j.notna().all()
    page = render(copied)
    assert "no result" in page
    assert "timeloop-model: not finished within 3 s\n  | the &lt;end&gt; of the log" in page


@pytest.mark.parametrize("content", ["", "garbage", "number\n1\n", "\x00"])
def test_a_table_that_is_not_ours_is_as_none(copied, content):
    (copied.folder / FILE).write_text(content)
    assert verified(copied) == []


def test_what_is_missing_is_said_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        UserError, match=r"--verify timeloop: timeloop: no module .*; no timeloop-model on PATH"
    ):
        check("timeloop")
    with pytest.raises(UserError, match=r"--verify scalesim: must be timeloop$"):
        check("scalesim")
    with pytest.raises(UserError, match=r"--verify timelop: must be timeloop \(did you mean timeloop\?\)"):
        check("timelop")


@pytest.mark.parametrize(
    ("axes", "needed"),
    [
        ({}, True),  # 45 nm, integers
        ({"technology": ("28nm", "45nm"), "accumulator_bits": (None,)}, True),
        ({"technology": ("28nm",)}, False),
        ({"data_width": ("fp16",)}, False),
        ({"dram": ("HBM3",), "technology": ("45nm",)}, False),
        ({"accumulator_bits": (48,)}, False),
    ],
)
def test_accelergy_is_missed_before_the_search_where_a_design_may_ask_for_it(monkeypatch, axes, needed):
    asked = []
    monkeypatch.setattr("dse.results.verify.find", lambda needs: asked.append(needs))
    check("timeloop", possible(axes))
    assert asked == [("timeloop-model", "accelergy") if needed else ("timeloop-model",)]


def test_ctrl_c_ends_it_with_the_shells_status(monkeypatch, study):
    import typer

    from dse.cli import verified as command

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "verify", interrupted)
    with pytest.raises(typer.Exit) as ended:
        command.verify_and_show(study.snapshot())
    assert ended.value.exit_code == 130
