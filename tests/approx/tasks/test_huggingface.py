"""Small models and data sets of every kind, written to a folder by the test; nothing is fetched."""

import csv
import json
import sys

import numpy as np
import pytest
import torch

from approx.tasks import Evaluator, HuggingFace, Task, accuracy, load
from approx.tasks.glue import COLUMNS, GLUE

WORDS = ["good", "fine", "great", "bad", "poor", "awful", "film", "plot"]
FIELDS = {"network": "n", "dataset": "d"}


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if "datasets" in sys.modules:
        monkeypatch.setattr(sys.modules["datasets"].config, "HF_DATASETS_CACHE", str(tmp_path / "arrow"))


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    library = pytest.importorskip("datasets", reason="the huggingface extra is not installed")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(tmp_path / "arrow"))
    library.disable_progress_bars()
    return library


@pytest.fixture
def text_network(tmp_path):
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder = tmp_path / "tiny-bert"
    config = BertConfig(
        vocab_size=len(WORDS) + 5,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        initializer_range=0.5,
        id2label={0: "bad", 1: "good"},
        label2id={"bad": 0, "good": 1},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    vocabulary = {
        word: index for index, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    }
    BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    return folder


@pytest.fixture
def reviews(tmp_path):
    """Thirty training and twelve test sentences as CSV, labelled by name."""
    folder = tmp_path / "reviews"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for split, count in (("train", 30), ("test", 12)):
        with (folder / f"{split}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["text", "label"])
            for number in range(count):
                words = " ".join(draw.choice(WORDS, 4))
                rows.writerow([f"{words} {split} {number}", "good" if number % 3 else "bad"])
    return folder


@pytest.fixture
def image_network(tmp_path):
    from transformers import ViTConfig, ViTForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    folder = tmp_path / "tiny-vit"
    config = ViTConfig(
        image_size=16,
        patch_size=8,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        id2label={0: "night", 1: "day"},
        label2id={"night": 0, "day": 1},
    )
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


@pytest.fixture
def photographs(tmp_path):
    """A folder a class: dark and bright images."""
    from PIL import Image

    for split, count in (("train", 5), ("test", 3)):
        for name, level in (("day", 230), ("night", 20)):
            folder = tmp_path / "photographs" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(np.full((12, 10), level + number, np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "photographs"


def test_a_text_classifier_is_scored_on_its_test_split(datasets, text_network, reviews):
    task = load("huggingface", network=str(text_network), dataset=str(reviews), batch_size=5, max_length=9)
    assert isinstance(task, Task)
    assert task.name == "tiny-bert-reviews"
    batches = task.test_batches()
    assert [len(batch) for batch in batches] == [5, 5, 2]
    assert all(batch.inputs["input_ids"].shape == (len(batch), 9) for batch in batches)
    assert torch.cat([batch.targets for batch in batches]).bincount().tolist() == [4, 8]
    model = task.model()
    hits = [(model(**batch.inputs).logits.argmax(-1) == batch.targets).tolist() for batch in batches]
    assert accuracy(model, task) == pytest.approx(sum(map(sum, hits)) / 12)
    assert Evaluator(task).original.accuracy == accuracy(model, task)


def test_batches_repeat_and_limits_hold(datasets, text_network, reviews):
    task = HuggingFace(
        str(text_network), str(reviews), train_samples=20, calibration_samples=8, test_samples=7
    )
    first, second = (torch.cat([b.inputs["input_ids"] for b in task.train_batches()]) for _ in range(2))
    assert torch.equal(first, second)
    assert len(first) == 20
    calibration = torch.cat([batch.inputs["input_ids"] for batch in task.calibration_batches()])
    assert torch.equal(calibration, first[:8])
    assert sum(map(len, task.test_batches())) == 7


def test_an_image_classifier_maps_classes_by_their_names(datasets, image_network, photographs):
    task = HuggingFace(str(image_network), str(photographs))
    (batch,) = task.test_batches()
    assert batch.inputs["pixel_values"].shape == (6, 3, 16, 16)
    # The folders' order is day, night; the network's is night, day. The processor keeps bright above dark.
    bright = batch.inputs["pixel_values"].mean((1, 2, 3)) > 0
    assert torch.equal(batch.targets == 1, bright)
    assert 0.0 <= accuracy(task.model(), task) <= 1.0


def test_two_text_columns_make_pairs(datasets, text_network, tmp_path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    row = {"premise": "good film", "hypothesis": "bad", "label": 1}
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    task = HuggingFace(str(text_network), str(folder), max_length=8)
    (batch,) = task.test_batches()
    assert batch.inputs["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1, 0, 0]]
    assert batch.targets.tolist() == [1]
    (single,) = HuggingFace(
        str(text_network), str(folder), columns=("hypothesis",), max_length=8
    ).test_batches()
    assert single.inputs["attention_mask"].sum() == 3
    with pytest.raises(
        ValueError, match=r"columns = \['absent'\]: must be one or two of \['premise', 'hypothesis'\]"
    ):
        HuggingFace(str(text_network), str(folder), columns=("absent",)).test_batches()


@pytest.mark.parametrize("name", sorted(GLUE))
def test_glue_is_known_by_name(datasets, text_network, tmp_path, name):
    """Local files stand in for the hub: the task's own columns, and its labelled held-out split."""
    folder = tmp_path / "glue"
    folder.mkdir()
    columns = COLUMNS[name.removeprefix("glue-")]
    split = "validation_matched" if name == "glue-mnli" else "validation"
    for part, word in (("train", "bad"), (split, "good")):
        row = dict.fromkeys(columns, word) | {"label": 1, "idx": 7, "note": "not a column of the task"}
        (folder / f"{part}.jsonl").write_text(json.dumps(row) + "\n")
    if name == "glue-mnli":  # the library takes a file's name for its split only where it knows the name
        files = [{"split": part, "path": f"{part}.jsonl"} for part in ("train", split)]
        configs = json.dumps([{"config_name": "default", "data_files": files}])
        (folder / "README.md").write_text(f"---\nconfigs: {configs}\n---\n")
    task = load(name, network=str(text_network), dataset=str(folder), subset=None, max_length=8)
    (batch,) = task.test_batches()
    good, bad = (WORDS.index(word) + 5 for word in ("good", "bad"))
    assert batch.inputs["input_ids"][0].tolist().count(good) == len(columns)
    assert task.calibration_batches()[0].inputs["input_ids"][0].tolist().count(bad) == len(columns)
    assert batch.targets.tolist() == [1]


def test_glue_comes_from_the_hub_unless_told_otherwise():
    task = load("glue-mnli", network="bert")
    assert (task.dataset, task.subset, task.test_split) == ("nyu-mll/glue", "mnli", "validation_matched")
    assert task.columns == ("premise", "hypothesis")
    with pytest.raises(ValueError, match="task = 'glue-sst2': missing a required argument: 'network'"):
        load("glue-sst2")


@pytest.mark.parametrize("columns", ["text", 3, ["text", 4]])
def test_columns_are_a_list_of_texts(columns):
    with pytest.raises(ValueError, match="must be a list of texts"):
        HuggingFace(**FIELDS, columns=columns)
    assert HuggingFace(**FIELDS, columns=["a", "b"]).columns == ("a", "b")


@pytest.mark.parametrize("label", [-1, 2, "unknown"])
def test_a_label_the_network_does_not_know_is_refused(datasets, text_network, tmp_path, label):
    folder = tmp_path / "odd"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text(json.dumps({"text": "good", "label": label}) + "\n")
    with pytest.raises(ValueError, match=rf"class {label!r}: must be one of \['bad', 'good'\] or 0 to 1"):
        HuggingFace(str(text_network), str(folder)).test_batches()


def test_missing_data_splits_and_columns_are_named(datasets, text_network, reviews, tmp_path):
    with pytest.raises(ValueError, match=r"^dataset = '.*absent', test_split = 'test': .+$"):
        HuggingFace(str(text_network), str(tmp_path / "absent")).test_batches()
    with pytest.raises(ValueError, match=r"test_split = 'validation': Unknown split"):
        HuggingFace(str(text_network), str(reviews), test_split="validation").test_batches()
    with pytest.raises(ValueError, match=r"label = 'class': must be one of text, label"):
        HuggingFace(str(text_network), str(reviews), label="class").test_batches()


def test_a_missing_network_is_named(datasets, reviews, tmp_path):
    with pytest.raises(ValueError, match=r"^network = '.*absent': .+$"):
        HuggingFace(str(tmp_path / "absent"), str(reviews)).model()


def test_pickled_weights_are_refused(datasets, text_network, reviews):
    weights = text_network / "model.safetensors"
    torch.save({}, text_network / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ValueError, match=r"network = .*safetensors"):
        HuggingFace(str(text_network), str(reviews)).model()


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"needs the 'datasets' library: pip install .*\[huggingface\]'"):
        HuggingFace(**FIELDS).test_batches()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("train_samples", 0),
        ("calibration_samples", 1.5),
        ("test_samples", "9"),
        ("batch_size", True),
        ("max_length", -1),
    ],
)
def test_a_count_is_a_positive_integer(field, value):
    with pytest.raises(ValueError, match=rf"^{field} = {value!r}: must be an integer of at least 1$"):
        HuggingFace(**FIELDS, **{field: value})


@pytest.mark.parametrize(("field", "value"), [("network", 3), ("dataset", ""), ("label", None)])
def test_a_name_is_a_text(field, value):
    with pytest.raises(ValueError, match=rf"^{field} = {value!r}: must be a text$"):
        HuggingFace(**{**FIELDS, field: value})


def test_scores_come_from_another_split():
    with pytest.raises(ValueError, match=r"test_split = 'train': must differ from train_split"):
        HuggingFace(**FIELDS, test_split="train")
