import json
import signal
import subprocess
import sys

import pytest

from accel_models import Design, Gemm, Lookup, Workload, evaluate


@pytest.fixture
def workload_file(tmp_path):
    path = tmp_path / "workload.json"
    Workload([Gemm(m=64, n=64, k=64, name="linear"), Lookup(4096, segments=16, name="gelu")]).save(path)
    return path


def test_help_needs_neither_torch_nor_optuna():
    code = "import sys, dse.cli; print({'torch', 'optuna', 'pandas', 'numpy'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert out.stdout == "set()\n"


def test_a_schedulers_sigterm_ends_a_run_like_ctrl_c(monkeypatch):
    from dse import cli

    handlers = {}
    monkeypatch.setattr("signal.signal", handlers.__setitem__)
    monkeypatch.setattr(sys, "argv", ["neuralmatrix", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    with pytest.raises(KeyboardInterrupt):
        handlers[signal.SIGTERM]()


def test_help_lists_the_commands(cli):
    status, out, _ = cli("--help")
    assert status == 0
    for command in ("init", "run", "report", "plot", "dashboard", "convert", "estimate", "fit", "doctor"):
        assert f" {command} " in out


@pytest.mark.parametrize(
    "arguments", [(), ("rn",), ("run",), ("run", "x.toml", "--trials", "0"), ("plot", "x", "-f", "gif")]
)
def test_wrong_usage_is_exit_status_2_without_a_traceback(cli, arguments):
    status, out, err = cli(*arguments)
    assert status == 2
    assert "Traceback" not in out + err


@pytest.mark.parametrize("command", ["report", "plot", "estimate", "dashboard"])
def test_a_folder_without_a_study(cli, tmp_path, command):
    status, out, err = cli(command, tmp_path)
    assert (status, out) == (2, "")
    assert err == f"{tmp_path}/study.db: no such file: must be the folder of a study that was run\n"


def test_reports_side_by_side(cli, study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli("report", "--compare", study.folder, study.folder)[0] == 0
    assert "against" in (tmp_path / "comparison.html").read_text()
    status, _, err = cli("report", study.folder, study.folder, "--out", "r.html")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("--out = r.html: must be left out with more than one study")


def test_doctor_as_json(cli):
    status, out, _ = cli("doctor", "--json")
    assert status == 0
    assert json.loads(out)["SQLite"]


def test_report_and_plot_write_again_what_a_run_wrote(cli, study, tmp_path):
    assert cli("report", study.folder, "--out", tmp_path / "r.html")[0] == 0
    assert (tmp_path / "r.html").read_text() == (study.folder / "report.html").read_text()
    for kind, start in (("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")):
        assert cli("plot", study.folder, "-f", kind, "--width", "3.5", "-o", tmp_path / f"p.{kind}")[0] == 0
        assert (tmp_path / f"p.{kind}").read_bytes().startswith(start)


def test_estimate_gives_the_models_figures(cli, workload_file):
    status, out, _ = cli("estimate", workload_file, "--set", "rows=8", "--set", "dataflow=os", "--json")
    report = evaluate(Design(rows=8, dataflow="os"), Workload.load(workload_file))
    figures = json.loads(out)
    assert status == 0
    assert figures["energy_j"] == report.energy_j
    assert figures["design"]["dataflow"] == "os"
    status, out, _ = cli("estimate", workload_file)
    assert "Operations that take most energy" in out


def test_estimate_starts_from_a_studys_knee(cli, study):
    status, out, _ = cli("estimate", study.folder, "--json")
    assert status == 0
    assert json.loads(out)["throughput_per_watt"] == study.best().throughput_per_watt


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("rows=0", "rows = 0: must be an integer from 1 to 1024"),
        ("rwos=4", "rwos = 4: must be left out; fields are rows,"),
        ("rows", "--set rows: must be NAME=VALUE"),
        ("parameter_buffer=1", "parameter_buffer = 1: must be an integer from"),
    ],
)
def test_estimate_refuses_a_wrong_field(cli, workload_file, setting, message):
    status, out, err = cli("estimate", workload_file, "--set", setting)
    assert (status, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_estimate_refuses_a_wrong_file(cli, tmp_path):
    (tmp_path / "w.json").write_text("{")
    for path, reason in ((tmp_path / "no.json", "no such file"), (tmp_path / "w.json", "")):
        status, out, err = cli("estimate", path)
        assert (status, out) == (2, "")
        assert err.startswith(f"{path}: {reason}")
        assert err.count("\n") == 1


def test_doctor_lists_the_parts(cli):
    status, out, _ = cli("doctor")
    assert status in (0, 1)
    for part in ("torch", "optuna", "GPU", "cache folder", "SQLite", "Timeloop", "C mapper", "RAPL", "NVML"):
        assert part in out
