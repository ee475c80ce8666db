import sys
from types import SimpleNamespace


def test_it_serves_the_study_on_loopback_only(cli, study, monkeypatch):
    asked = {}
    server = SimpleNamespace(run_server=lambda storage, **where: asked.update(where, storage=storage))
    monkeypatch.setitem(sys.modules, "optuna_dashboard", server)
    status, _, err = cli("dashboard", study.folder, "--port", 9000)
    assert status == 0, err
    assert (asked["host"], asked["port"]) == ("127.0.0.1", 9000)
    assert [s.study_name for s in asked["storage"].get_all_studies()] == [study.name]


def test_without_the_extra(cli, study, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    status, _, err = cli("dashboard", study.folder)
    assert (status, err.count("\n")) == (2, 1)
    assert "[dashboard]'" in err
