"""A study of hardware alone: nothing is scored, the whole grid is evaluated."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

import dse
from accel_models import Design, evaluate
from dse.errors import UserError
from dse.hardware import HardwareStudy
from dse.pareto import non_dominated
from dse.progress import Silent
from dse.report import render
from dse.results import read
from dse.results.tables import points
from dse.search.design_grid import enumerate_designs
from dse.study_file import read as read_file

TEXT = """
[search]
objectives = ["throughput_per_watt", "area_mm2"]
[hardware]
rows = [4, 8]
cols = [4, 8]
dataflow = "ws"
input_buffer = 65536
weight_buffer = 65536
output_buffer = 65536
parameter_buffer = 4096
[[networks]]
name = "bert-base"
"""

TASK = """
import torch

from approx.tasks import Batch


class Tiny:
    name = "tiny"

    def model(self):
        return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.GELU(), torch.nn.Linear(16, 3)).eval()

    def train_batches(self):
        return [Batch((torch.zeros(8, 4),), torch.zeros(8, dtype=torch.long))]

    calibration_batches = test_batches = train_batches


def make():
    return Tiny()
"""


@pytest.fixture
def file(tmp_path, small_networks, no_results):
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


def test_its_trials_are_the_front_of_all_designs(hardware):
    shot = hardware.snapshot()
    (workload,) = shot.workloads(shot.records[0]).values()
    sweep = pd.concat(pd.read_parquet(path) for path in sorted((shot.folder / "designs").glob("part-*")))
    able = sweep[sweep.reason == ""]
    front = able[non_dominated(points(able, shot.objectives))]
    assert shot.swept == len(sweep)
    front = front.drop_duplicates([metric.name for metric in shot.objectives])
    assert sum(shot.records[n].members for n in shot.front.number) == shot.study.sweep["front"] == len(front)
    own, all_of_it = points(shot.front, shot.objectives), points(front, shot.objectives)
    apart = np.abs(all_of_it[:, None] / own - 1).max(axis=2).min(axis=1)
    assert apart.max() <= shot.study.sweep["share"] * 1.02
    for own in shot.records:
        report = evaluate(Design.from_dict(dict(own.design)), workload)
        assert report.area_mm2 == pytest.approx(own.metrics["area_mm2"], rel=1e-12)
        assert report.throughput_per_watt == pytest.approx(own.metrics["throughput_per_watt"], rel=1e-12)


def test_metrics_of_several_networks_are_weighted_means_and_limits_can_be_the_references(networks):
    shot = networks.snapshot()
    known, smaller = shot.study.references
    assert (known["name"], smaller["design"]["technology"]) == ("onesa", "28nm")
    for own in shot.records:
        logs = [np.log(own.by_network[name]["energy_j"]) for name in ("resnet50", "bert-base")]
        assert own.metrics["energy_j"] == pytest.approx(np.exp(np.dot(logs, [1 / 3, 2 / 3])))
        assert own.metrics["area_mm2"] <= known["metrics"]["area_mm2"] * (1 + 1e-8)
    best = {part for own in shot.records for part in own.proposal.split("; ")}
    assert {"front", "best for resnet50", "best for bert-base"} <= best


def test_the_same_command_again_changes_nothing(file, tmp_path):
    first = dse.run(file, out=tmp_path / "out").snapshot()
    again = dse.run(file, out=tmp_path / "out").snapshot()
    assert again.trials.equals(first.trials)
    assert again.study.sweep == first.study.sweep


def test_a_run_that_was_killed_is_gone_on_with(file, tmp_path, monkeypatch):
    class Killed(Silent):
        def designs(self, done, of):
            if done == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("dse.hardware.enumerate_designs", partial(enumerate_designs, chunk=1))
    with pytest.raises(KeyboardInterrupt):
        dse.run(file, out=tmp_path / "out", progress=Killed())
    shot = read(tmp_path / "out")  # described, and without a trial
    assert "No trial is finished." in render(shot)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "designs").glob("part-*")}
    assert len(before) == 2
    whole = dse.run(file, out=tmp_path / "out").snapshot()
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert whole.swept == 4
    alone = dse.run(file, out=tmp_path / "alone").snapshot()
    assert whole.trials.drop(columns="seconds").equals(alone.trials.drop(columns="seconds"))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"trials": 3}, "--trials 3: must be left out: all 4 designs are evaluated"),
        ({"workers": 2}, "--workers 2: must be left out: one process evaluates all designs"),
    ],
)
def test_options_that_it_cannot_use_are_refused(file, tmp_path, options, line):
    with pytest.raises(UserError) as refused:
        dse.run(file, out=tmp_path / "out", **options)
    assert str(refused.value).endswith(line)
    assert not (tmp_path / "out").exists()


def test_a_dictionary_or_a_study_file_is_as_good_as_a_path(small_networks, no_results, tmp_path):
    fields = {
        "name": "mine",
        "search": {"objectives": ["energy_j", "latency_s"]},
        "hardware": {"rows": [4, 8], "cols": 8, "dataflow": "os", "weight_buffer": [16384, 65536]},
        "networks": [{"name": "resnet50", "batch": 2}],
    }
    one = dse.run(fields, out=tmp_path / "one").snapshot()
    two = dse.run(dse.study_file.from_fields(fields), out=tmp_path / "two").snapshot()
    assert one.trials.equals(two.trials)
    assert one.name == "mine"
    assert json.loads(one.study.study_file)["hardware"]["rows"] == [4, 8]


def test_a_grid_beyond_the_limit_is_searched_and_the_report_says_so(file, tmp_path):
    file.write_text(TEXT.replace("[hardware]", "enumerate = 3\ntrials = 6\nsampler = 'random'\n[hardware]"))
    shot = dse.run(file, out=tmp_path / "out").snapshot()
    assert shot.study.sweep["how"] == "random"
    assert 1 <= shot.swept <= 4
    page = render(shot)
    assert "more than are enumerated" in page
    assert "sampler random asked for" in page
    more = dse.run(file, 4, out=tmp_path / "out").snapshot()
    assert more.swept >= shot.swept


def test_a_users_function_beside_the_study_file(tmp_path):
    (tmp_path / "own_net.py").write_text(
        "import torch\n\n\ndef make(size=4):\n    return torch.nn.Linear(8, 3), (torch.zeros(size, 8),)\n"
    )
    (tmp_path / "a.toml").write_text(TEXT.replace('"bert-base"', '"own_net:make"\nsize = 6'))
    found = HardwareStudy.of(read_file(tmp_path / "a.toml"))
    (run,) = found.networks
    assert (run.name, run.size) == ("own_net:make 6", 6)
    assert [(op.m, op.n, op.k) for op in run.workload.operations if op.kind == "gemm"] == [(1, 3, 8)]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("bert-bsae", "network = bert-bsae: must be one of "),
        (
            "no_such_module:make",
            "No module named 'no_such_module': must be a module on the Python path, or beside",
        ),
        ("json:nothing", "module json has no function nothing"),
        ("json:dumps", "missing a required argument: 'obj'"),
        ("os:getcwd", "returned a str: must return (module, example inputs), or a Workload"),
    ],
)
def test_a_network_that_is_none_is_refused_in_one_line(tmp_path, name, line):
    with pytest.raises(UserError) as refused:
        HardwareStudy.of(read_file({"networks": [{"name": name}]}))
    assert str(refused.value).startswith(f'[[networks]] name = "{name}": {line}')
    assert "\n" not in str(refused.value)


def test_a_phase_that_a_network_has_not(tmp_path):
    with pytest.raises(UserError, match=r'name = "resnet50": phase = decode: must be one of whole'):
        HardwareStudy.of(read_file({"networks": [{"name": "resnet50", "phase": "decode"}]}))


def test_no_feasible_design_is_one_line(file, tmp_path):
    file.write_text(TEXT + "[constraints]\narea_mm2 = 1e-9\n".replace("[constraints]", "\n[constraints]"))
    with pytest.raises(
        UserError, match=r"\[constraints\]: no feasible design: of 4 .*area_mm2 <= 1e-09 excludes 4"
    ):
        dse.run(file, out=tmp_path / "out")


def test_a_known_design_that_cannot_run_is_one_line(small_networks, monkeypatch):
    from accel_models import PRESETS

    monkeypatch.setitem(PRESETS, "onesa", Design(weight_buffer=64))
    with pytest.raises(
        UserError, match=r"\[reference\] design = onesa: cannot run the networks: weight_buffer = 64"
    ):
        HardwareStudy.of(read_file({"networks": [{"name": "bert-base"}], "reference": {}}))


def test_a_tasks_hardware_alone_needs_no_score(no_results, tmp_path):
    (tmp_path / "tiny_task.py").write_text(TASK)
    text = TEXT.partition("[[networks]]")[0] + '[task]\nname = "tiny_task:make"\n'
    (tmp_path / "t.toml").write_text(text)
    shot = dse.run(tmp_path / "t.toml", out=tmp_path / "out").snapshot()
    assert list(shot.study.networks) == ["tiny_task:make"]
    assert not shot.original
