"""`neuralmatrix verify`: a finished run is counted by a double of Timeloop, and nothing else is done."""

import shutil

import pytest

from accel_models.backends.timeloop.front_end import FrontEnd
from dse.results import read
from dse.results.verify import FILE, load


@pytest.fixture
def copied(study, tmp_path):
    """A copy of the whole run folder."""
    shutil.copytree(study.folder, tmp_path / "run")
    return read(tmp_path / "run")


def test_a_finished_run_is_verified_without_another_trial(
    copied, cli, monkeypatch, tmp_path, timeloop_double
):
    front_end = FrontEnd("python", "double", "1", (), {"timeloop-model": __file__, "accelergy": __file__})
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("accel_models.backends.timeloop.evaluation.find", lambda *_: front_end)
    monkeypatch.setattr("accel_models.backends.timeloop.evaluation.default_tables", lambda _: "model")
    monkeypatch.setattr("accel_models.backends.timeloop.evaluation.run", timeloop_double.run)
    monkeypatch.setattr("dse.results.verify.find", lambda **_: front_end)
    before = copied.trials
    status, out, err = cli("verify", copied.folder)
    assert status == 0, err
    assert "Timeloop against our model" in out
    assert len(load(copied)) == len(copied.front)
    assert "Timeloop against our model" in (copied.folder / "report.html").read_text()
    assert read(copied.folder).trials.equals(before)


def test_it_refuses_in_one_line(copied, cli, tmp_path):
    for arguments, line in (
        ((copied.folder, "--backend", "timelop"), "--backend timelop: must be timeloop (did you mean"),
        ((tmp_path / "none",), "none"),
        ((copied.folder,), "--backend timeloop: timeloop: no module pytimeloop"),
    ):
        status, out, err = cli("verify", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert line in err
    assert not (copied.folder / FILE).exists()
