import json

import pandas as pd
import pytest

from accel_models import Design, Workload, evaluate
from dse.export import best


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
    assert best(unfinished) == {"original": unfinished.original}
