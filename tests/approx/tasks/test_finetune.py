import numpy as np
import pytest
import torch
from torch import nn

from approx.network import Approximation, ConvertedModule, convert
from approx.tasks import Batch, Unlabelled, finetune


class Curves:
    """Points in the plane, labelled by which side of a sine they lie on; the model is the trained truth."""

    name = "curves"

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        points = torch.rand(600, 2, generator=generator) * 4 - 2
        labels = (points[:, 1] > torch.sin(2 * points[:, 0])).long()
        self._batches = [Batch((x,), y) for x, y in zip(points.split(50), labels.split(50), strict=True)]
        torch.manual_seed(0)
        self._model = nn.Sequential(
            nn.Linear(2, 16), nn.GELU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2)
        )
        optimizer = torch.optim.Adam(self._model.parameters(), 1e-2)
        for _ in range(30):
            for batch in self.train_batches():
                optimizer.zero_grad()
                nn.functional.cross_entropy(self._model(*batch.inputs), batch.targets).backward()
                optimizer.step()

    def model(self) -> nn.Module:
        return self._model.eval()

    def train_batches(self) -> list[Batch]:
        return self._batches[:6]

    def calibration_batches(self) -> list[Batch]:
        return self._batches[6:9]

    def test_batches(self) -> list[Batch]:
        raise AssertionError("fine-tuning must not look at test data")


@pytest.fixture(scope="module")
def task() -> Curves:
    return Curves()


@pytest.fixture
def coarse(task: Curves) -> ConvertedModule:
    batches = [b.inputs for b in task.calibration_batches()]
    return convert(task.model(), batches[0], Approximation(2, "uniform", "none"), calibration=batches)


@pytest.mark.parametrize("tables", [False, True])
def test_training_recovers_what_coarse_tables_lost(
    task: Curves, coarse: ConvertedModule, tables: bool
) -> None:
    before = {name: p.clone() for name, p in task.model().named_parameters()}
    tuned = finetune(coarse, task, epochs=6, learning_rate=5e-3, tables=tables)
    assert len(tuned.losses) == 7
    assert tuned.losses[tuned.best] < 0.7 * tuned.losses[0]
    assert all(torch.equal(before[name], p) for name, p in task.model().named_parameters())


def test_trained_tables_are_kept_and_continuous(task: Curves, coarse: ConvertedModule) -> None:
    before = coarse.tables
    finetune(coarse, task, epochs=2, learning_rate=1e-2, tables=True)
    for name, table in coarse.tables.items():
        assert table.bias == "trained"
        assert not np.allclose(table.values, before[name].values, atol=1e-4)
        inner = table.knots[1:-1]
        left = table.slopes[:-1] * inner + table.intercepts[:-1]
        right = table.slopes[1:] * inner + table.intercepts[1:]
        np.testing.assert_allclose(left, right, atol=1e-5)
    inputs = task.calibration_batches()[0].inputs
    outputs = coarse(*inputs)
    assert not [n for n, _ in coarse.named_parameters() if n.endswith("values")]
    torch.testing.assert_close(coarse(*inputs), outputs)


def test_the_best_epoch_is_kept(task: Curves, coarse: ConvertedModule) -> None:
    tuned = finetune(coarse, task, epochs=3, learning_rate=1e9)  # every epoch makes it worse
    assert tuned.best == 0
    assert torch.isfinite(coarse(*task.calibration_batches()[0].inputs)).all()


def test_the_same_seed_gives_the_same_network(task: Curves) -> None:
    batches = [b.inputs for b in task.calibration_batches()]
    runs = []
    for _ in range(2):
        converted = convert(task.model(), batches[0], Approximation(2), calibration=batches)
        runs.append((finetune(converted, task, epochs=2, seed=3).losses, converted(*batches[0])))
    assert runs[0][0] == runs[1][0]
    torch.testing.assert_close(runs[0][1], runs[1][1], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs = 0: must be"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: must be"),
        ({"distillation": 1.5}, "distillation = 1.5: must be"),
    ],
)
def test_bad_settings_are_refused(
    task: Curves, coarse: ConvertedModule, settings: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        finetune(coarse, task, **settings)  # type: ignore[arg-type]


def test_embeddings_are_taught_to_point_where_the_originals_do(task: Curves) -> None:
    inputs = [b.inputs for b in task.calibration_batches()]
    unlabelled = Unlabelled(task.model(), inputs, [(torch.zeros(1, 2),)], outputs="embeddings")
    converted = convert(task.model(), inputs[0], Approximation(2, "uniform", "none"), calibration=inputs)
    tuned = finetune(converted, unlabelled, epochs=6, learning_rate=5e-3)
    assert 0.0 <= tuned.losses[tuned.best] < 0.7 * tuned.losses[0] < 2.0
