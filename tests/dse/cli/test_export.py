"""`neuralmatrix export`."""

import pytest


@pytest.mark.parametrize("kind", ["timeloop", "scalesim"])
def test_the_folder_is_written_whole(cli, study, tmp_path, kind):
    status, out, err = cli("export", study.folder, "--format", kind, "--out", tmp_path / "out")
    assert (status, out) == (0, ""), err
    number = int(study.best().number)
    assert err.startswith(f"Written: {tmp_path}/out, ")
    assert err.endswith(f"files for trial {number}\n")
    assert (tmp_path / "out" / "README.md").read_text().startswith("# ")
    assert not list((tmp_path / "out").rglob(".*"))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("--format", "timelop"),
            "--format timelop: must be one of tables, c, verilog, model, design, timeloop, scalesim "
            "(did you mean timeloop?)",
        ),
        (("--format", "scalesim", "--design", "x"), "--design x: must be the number of a finished trial"),
        (("--format", "scalesim", "--out", "/proc/nowhere"), "/proc/nowhere: cannot be written to: "),
    ],
)
def test_bad_input_is_one_line(cli, study, arguments, line):
    status, out, err = cli("export", study.folder, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)


def test_a_folder_without_a_study(cli, tmp_path):
    status, _, err = cli("export", tmp_path, "--format", "timeloop")
    assert status == 2
    assert err == f"{tmp_path}/study.db: no such file: must be the folder of a study that was run\n"
