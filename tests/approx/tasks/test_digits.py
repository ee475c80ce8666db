import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

import approx.tasks.digits
from approx.tasks import Digits, Task, accuracy
from approx.tasks.digit_images import split
from approx.tasks.families import FAMILIES as NETWORKS

FAMILIES = ("bert", "roberta", "resnet")


def _file(cache):
    (path,) = cache.iterdir()
    return path


@pytest.mark.parametrize("family", FAMILIES)
def test_batches_hold_the_splits(family):
    task = Digits(family)
    assert isinstance(task, Task)
    for part, batches in zip(
        split(), (task.train_batches(), task.validation_batches(), task.test_batches()), strict=True
    ):
        assert torch.equal(torch.cat([batch.targets for batch in batches]), part.labels)
        assert all(batch.targets.dtype == torch.int64 for batch in batches)
    inputs = [next(iter(batch.inputs.values())) for batch in task.calibration_batches()]
    training = [next(iter(batch.inputs.values())) for batch in task.train_batches()]
    assert torch.equal(torch.cat(inputs), torch.cat(training)[:360])


def test_pixels_become_tokens_and_images():
    pixels = split().test.pixels
    tokens = torch.cat([batch.inputs["input_ids"] for batch in Digits("roberta").test_batches()])
    assert tokens.shape == (540, 64)
    assert torch.equal(tokens - 1, pixels.flatten(1))
    images = torch.cat([batch.inputs["pixel_values"] for batch in Digits("resnet").test_batches()])
    assert images.shape == (540, 1, 16, 16)
    assert torch.equal(images[:, 0, 1::2, ::2] * 16, pixels.float())


@pytest.mark.parametrize("family", FAMILIES)
def test_networks_are_small_and_start_from_their_seed(family):
    build = NETWORKS[family].build
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (build(seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, first.values(), again.values()))
    assert not all(map(torch.equal, first.values(), other.values()))
    assert 80_000 <= sum(tensor.numel() for tensor in first.values()) <= 180_000


def test_a_network_is_trained_once_and_the_same_each_time(cache, short, monkeypatch):
    task = Digits("resnet", 1, short)
    first = task.model()
    path = _file(cache)
    written = path.stat().st_mtime_ns
    assert not first.training
    assert all(parameter.requires_grad for parameter in first.parameters())
    first.classifier[1].weight.data.zero_()  # a user's change to one copy must not reach the next
    second = task.model()
    assert path.stat().st_mtime_ns == written
    assert second.classifier[1].weight.abs().sum() > 0
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(cache.parent / "elsewhere"))
    third = task.model()
    assert all(map(torch.equal, second.state_dict().values(), third.state_dict().values()))


def test_the_file_says_what_made_it_and_how_good_it_is(cache, short):
    task = Digits("resnet", 0, short)
    measured = accuracy(task.model(), task)
    with safe_open(_file(cache), framework="pt") as file:
        metadata = file.metadata()
    assert float(metadata["test_accuracy"]) == pytest.approx(measured, abs=1e-6)
    assert json.loads(metadata["recipe"])["epochs"] == 1
    assert json.loads(metadata["config"])["hidden_act"] == "silu"
    assert json.loads(metadata["seed"]) == 0


def test_another_recipe_or_seed_is_another_file(cache, short):
    for task in (
        Digits("resnet", 0, short),
        Digits("resnet", 1, short),
        Digits("resnet", 0, replace(short, learning_rate=2e-2)),
    ):
        task.model()
    assert len(list(cache.iterdir())) == 3


def test_a_damaged_cache_file_is_refused_and_left_in_place(cache, short):
    task = Digits("resnet", 0, short)
    task.model()
    path = _file(cache)
    damaged = path.read_bytes()[:-100]
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"^cache file .*digits-resnet-seed0-.*: delete it to train again$"):
        task.model()
    assert path.read_bytes() == damaged


def test_another_networks_weights_are_refused(cache, short):
    bert, resnet = Digits("bert", 0, replace(short, batch_size=1137)), Digits("resnet", 0, short)
    resnet.model()
    path = _file(cache)
    bert.model()
    (other,) = set(cache.iterdir()) - {path}
    other.replace(path)
    with pytest.raises(ValueError, match="made by another training recipe: delete it"):
        resnet.model()


def test_an_unwritable_folder_is_refused_before_training(tmp_path, short, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(approx.tasks.digits, "train", lambda *arguments: pytest.fail("trained first"))
    with pytest.raises(ValueError, match=r"cache folder .*: cannot be written"):
        Digits("bert", 0, short).model()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("family", "bar"), [("bert", 0.95), ("roberta", 0.95), ("resnet", 0.98)])
def test_the_ready_made_networks_reach_their_accuracy(cache, family, bar, seed):
    task = Digits(family, seed)
    assert accuracy(task.model(), task) >= bar
