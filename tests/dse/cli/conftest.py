"""The command line in this process, and a task that is trained in no time."""

import sys

import pytest

TASK = """
import torch
from torch import nn

from approx.tasks import Batch


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(4, 16), nn.Linear(16, 3)

    def forward(self, x):
        return self.out(nn.functional.gelu(self.hidden(x))).log_softmax(-1)


class Tiny:
    name = "tiny"

    def model(self):
        torch.manual_seed(0)
        return Net().eval()

    def _batches(self, seed):
        x = torch.randn(64, 4, generator=torch.Generator().manual_seed(seed))
        return [Batch((x,), self.model()(x).argmax(-1))]

    def train_batches(self):
        return self._batches(1)

    def calibration_batches(self):
        return self._batches(2)

    def test_batches(self):
        return self._batches(3)


def make():
    return Tiny()
"""

STUDY = """
[task]
name = "tiny_task:make"
[approximation]
segments = [2, 4, 8]
placement = ["uniform", "dyadic"]
bias = "minimax"
[hardware]
rows = [4, 8]
cols = [4, 8]
"""


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run a command line; gives exit status, standard output and standard error."""
    from dse.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["neuralmatrix", *map(str, arguments)])
        monkeypatch.setattr("signal.signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def tiny_study(tmp_path, monkeypatch):
    """A folder with a study file and the task it names."""
    (tmp_path / "tiny_task.py").write_text(TASK)
    (tmp_path / "tiny.toml").write_text(STUDY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tiny.toml"
