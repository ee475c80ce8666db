"""What a front is seen beside."""

import pandas as pd
import pytest

from accel_models import Design, Workload, compare
from accel_models.platforms import Platform, save
from dse.results.platforms import FILE
from dse.results.references import Reference, near, references

ROW = {
    "name": "laptop", "kind": "cpu", "network": "digits-bert", "size": 0, "batch": 1, "precision": "fp32",
    "power_w": 50.0, "power": "tdp", "scope": "as stated", "node_nm": 0, "source": "measured",
    "throughput": 1000.0,
}  # fmt: skip


def test_they_are_the_original_the_baselines_of_the_knee_and_platforms_of_the_network(own_study):
    save([Platform(**ROW), Platform(**{**ROW, "network": "resnet50"})], own_study.folder / FILE)
    found = references(own_study.snapshot())
    assert [each.kind for each in found] == ["original", "units", "host", "platform"]
    original, units, host, platform = found
    assert original.metrics == own_study.original
    assert platform.metrics == {"throughput_per_watt": 20.0, "throughput": 1000.0, "power_w": 50.0}
    attrs = own_study.optuna.trials[int(own_study.best().number)].user_attrs
    ways = compare(Design.from_dict(attrs["design"]), Workload.from_dict(attrs["workload"]))
    per_watt = [way.throughput_per_watt for way in ways[1:]]
    assert [units.metrics["throughput_per_watt"], host.metrics["throughput_per_watt"]] == per_watt


def test_without_a_finished_trial_there_is_the_original_alone(unfinished):
    assert [each.kind for each in references(unfinished.snapshot())] == ["original"]


@pytest.mark.parametrize(("value", "drawn"), [(9.0, True), (5.0, True), (4.9, False), (26.0, False)])
def test_what_lies_far_from_the_trials_gets_no_line(value, drawn):
    other = Reference("other", "platform", {"power_w": 15.0})
    one = Reference("one", "platform", {"throughput": value})
    assert near([other, one], "throughput", pd.Series([10.0, 20.0])) == [one] * drawn
