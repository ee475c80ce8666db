import json

import pandas as pd
import pytest

import dse.export
from accel_models import Design, Workload, evaluate
from dse.export import best, overview, parquet, write_results, written_files


def test_the_table_of_trials_has_all_of_them(study):
    table = pd.read_csv(study.folder / "trials.csv")
    assert table.number.tolist() == list(range(24))
    assert table.throughput_per_watt.tolist() == pytest.approx(
        study.trials().throughput_per_watt.tolist(), nan_ok=True
    )
    assert set(study.space.searched) <= set(table.columns)


def test_the_best_designs_give_their_figures_again(study):
    chosen = json.loads((study.folder / "best.json").read_text())
    assert list(chosen) == ["original", "knee", "best-fidelity", "best-throughput_per_watt", "best-accuracy"]
    knee = chosen["knee"]
    workload = Workload.from_dict(study.optuna.trials[knee["trial"]].user_attrs["workload"])
    report = evaluate(Design.from_dict(knee["design"]), workload)
    assert report.throughput_per_watt == pytest.approx(knee["figures"]["throughput_per_watt"], rel=1e-12)
    assert chosen["best-fidelity"]["figures"]["fidelity"] == study.trials().fidelity.max()


def test_without_a_finished_trial_there_is_only_the_original(unfinished):
    assert best(unfinished.snapshot()) == {"original": dict(unfinished.original)}


@pytest.mark.parametrize("name", ["study", "three", "unfinished"])
def test_the_parquet_file_has_the_table_of_trials(name, request, tmp_path):
    pytest.importorskip("pyarrow")
    trials = request.getfixturevalue(name).trials()
    (tmp_path / "trials.parquet").write_bytes(parquet(trials))
    again = pd.read_parquet(tmp_path / "trials.parquet")
    pd.testing.assert_frame_equal(again, trials, check_dtype=False)


def test_results_come_without_parquet_where_pyarrow_is_missing(own_study, monkeypatch):
    monkeypatch.setattr("dse.export.has_parquet", lambda: False)
    write_results(own_study.snapshot())
    assert [path.name for path in written_files(own_study.snapshot())] == [
        "report.html", "pareto.png", "trials.csv", "best.json", "ratios.csv"
    ]  # fmt: skip


def test_the_overview_is_plain_and_has_the_front_its_figures_and_the_files(study):
    told = json.loads(json.dumps(overview(study.snapshot()), allow_nan=False))
    assert [each["trial"] for each in told["front"]] == study.pareto().number.tolist()
    assert [each["trial"] for each in told["front"] if each["knee"]] == [study.best().number]
    for each, row in zip(told["front"], study.pareto().itertuples(), strict=True):
        assert each["figures"]["throughput_per_watt"] == row.throughput_per_watt
    assert sum(told["trials"].values()) == 24
    assert told["objectives"] == ["fidelity", "throughput_per_watt"]
    assert {path.rsplit("/", 1)[1] for path in told["files"]} >= {"report.html", "trials.csv", "best.json"}


@pytest.mark.parametrize("failing", ["report.html", "pareto.png", "ratios.csv", "best.json", "trials.csv"])
def test_one_result_that_fails_takes_no_other(own_study, monkeypatch, failing):
    def broken(study):
        raise KeyError("broken")

    monkeypatch.setitem(dse.export._FILES, failing, broken)
    (line,) = write_results(own_study.snapshot())
    assert line.startswith(f"{own_study.folder / failing}: not written: KeyError")
    there = {path.name for path in written_files(own_study.snapshot())}
    assert there == set(dse.export._FILES) - {failing}
