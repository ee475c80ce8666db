"""A cache folder of its own for each test, and a recipe short enough to train in a test."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from approx.tasks import Batch
from approx.tasks.training import Recipe


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(folder))
    return folder


@pytest.fixture
def short() -> Recipe:
    return Recipe(
        epochs=1,
        batch_size=128,
        learning_rate=1e-2,
        warmup=0.1,
        weight_decay=0.05,
        label_smoothing=0.05,
        shift=0.5,
        averaging=0.5,
    )


class Table(nn.Module):
    """Returns a fixed row of logits for each index."""

    def __init__(self, rows: list[list[float]]) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.tensor(rows))

    def forward(self, index: Tensor) -> Tensor:
        return self.rows[index]


@dataclass
class TableTask:
    """A task whose model looks its logits up, in batches of two samples."""

    rows: list[list[float]]
    targets: list[int]
    name: str = "table"
    calls: list[int] = field(default_factory=list)

    def model(self) -> nn.Module:
        self.calls.append(1)
        return Table(self.rows).eval()

    def test_batches(self) -> list[Batch]:
        index = torch.arange(len(self.targets))
        pairs = zip(index.split(2), torch.tensor(self.targets).split(2), strict=True)
        return [Batch((chosen,), targets) for chosen, targets in pairs]

    train_batches = calibration_batches = test_batches


@pytest.fixture
def table() -> Callable[[list[list[float]]], nn.Module]:
    return Table


@pytest.fixture
def table_task() -> Callable[..., TableTask]:
    return TableTask
