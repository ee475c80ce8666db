"""`neuralmatrix measure`."""

import pytest

from accel_models.platforms import load
from dse.measuring.networks import FULL_SIZE, FullSize


def small(batch, size):
    import torch

    return {"x": torch.ones(batch, size)}


def network():
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(8, 8)

        def forward(self, x):
            return self.linear(x)

    return Net()


def test_the_command_writes_rows_that_are_read_back(cli, tmp_path, monkeypatch):
    monkeypatch.setitem(FULL_SIZE, "own", FullSize("own", network, 8, small))
    out = tmp_path / "rows.toml"
    arguments = (
        "own",
        "--tdp",
        10,
        "--seconds",
        "0.02",
        "-b",
        "1,2",
        "-p",
        "fp32,bf16",
        "--name",
        "x",
        "-o",
        out,
    )
    status, printed, err = cli("measure", *arguments)
    assert (status, printed) == (0, ""), err
    assert [(row.batch, row.precision) for row in load(out)] == [
        (1, "fp32"),
        (2, "fp32"),
        (1, "bf16"),
        (2, "bf16"),
    ]
    assert err.count("10 W (tdp, as stated by the user)") == 4


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("resnt50", "--tdp", "5"), "network = resnt50: must be one of resnet18, resnet50"),
        (("resnet50", "--tdp", "5", "-p", "fp64"), "--precision fp64: must be one of fp32, bf16, fp16"),
        (("resnet50", "--tdp", "5", "-b", "1,x"), "--batch 1,x: must be integers from 1 to 65536"),
        (("resnet50", "--device", "tpu"), "--device tpu: must be one of cpu, cuda"),
        (("resnet50", "--device", "cuda"), "--device cuda: PyTorch finds no CUDA GPU here"),
    ],
)
def test_wrong_options_are_one_line_before_anything_runs(cli, arguments, line):
    status, out, err = cli("measure", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)


def test_a_task_can_be_measured(cli, tiny_study):
    status, out, err = cli("measure", "tiny_task:make", "--tdp", 5, "--seconds", "0.02", "-b", 3)
    assert status == 0, err
    assert 'network = "tiny_task:make"' in out
    assert "batch = 3" in out
