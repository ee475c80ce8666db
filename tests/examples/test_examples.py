"""The examples run as they are, and print what they promise."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
PROMISED = {
    "approximation_researcher": ["times the least", "minimax"],
    "accelerator_architect": ["throughput_per_watt", "units", "host"],
    "optuna_loop": ["nested: hypervolume", "TPE: hypervolume", "after 20 trials"],
    "own_hugging_face_model": ["nodes:", "32 segments: mean cosine", "tpu_v1"],
}


def test_each_example_is_here():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(PROMISED)


@pytest.mark.parametrize("name", PROMISED)
def test_an_example_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [name])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    for text in PROMISED[name]:
        assert text in printed
