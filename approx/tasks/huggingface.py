"""Text and image classifiers with their data from the Hugging Face libraries: local folders or hub names.

The data come through the `datasets` library, an optional extra that is imported when a task is loaded.
Weights are read from safetensors only, and no code of a model or data set is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from approx.extras import how_to_install
from approx.tasks.base import Batch

_COUNTS = ("train_samples", "calibration_samples", "test_samples", "batch_size", "max_length")
_TEXTS = ("network", "dataset", "label", "train_split", "test_split")
_TEXT_TYPES = ("string", "large_string")


@dataclass(frozen=True)
class HuggingFace:
    """A fine-tuned classifier of the transformers library, and a data set with its labels.

    Attributes:
        network: Folder or hub name of a model with tokenizer or image processor.
        dataset: Folder (CSV, JSON, Parquet, or images in a folder a class) or hub name.
        subset: Configuration of the data set: "sst2" of "nyu-mll/glue"; None or empty for its only one.
        columns: One or two text columns, or one image column; empty for all there are.
        label: Column of the classes, as names or indices.
        train_split: Split for calibration and tuning; slices such as "train[:80%]" are allowed.
        test_split: Split that scores are computed on, without a sample of the other one. GLUE's labelled
            one is "validation".
        train_samples: At most so many, chosen at random with a fixed seed; so are the next two.
        calibration_samples: At most so many, the first of the training samples.
        test_samples: At most so many.
        batch_size: Samples a batch.
        max_length: Tokens that each text is padded or cut to, so that one traced graph serves all.

    Raises:
        ValueError: If a field is out of range; and, when loaded, if model or data cannot be read, are of
            another kind than these, or do not fit each other.
    """

    network: str
    dataset: str
    subset: str | None = None
    columns: tuple[str, ...] = ()
    label: str = "label"
    train_split: str = "train"
    test_split: str = "test"
    train_samples: int = 2048
    calibration_samples: int = 256
    test_samples: int = 1000
    batch_size: int = 32
    max_length: int = 128

    def __post_init__(self) -> None:
        for field in _TEXTS:
            if not isinstance(getattr(self, field), str) or not getattr(self, field):
                raise ValueError(f"{field} = {getattr(self, field)!r}: must be a text")
        for field in _COUNTS:
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{field} = {value!r}: must be an integer of at least 1")
        object.__setattr__(self, "columns", _columns(self.columns))
        if self.train_split == self.test_split:
            raise ValueError(f"test_split = {self.test_split!r}: must differ from train_split")

    @property
    def name(self) -> str:
        """Name in reports and messages: model, then data set."""
        parts = (Path(self.network).name, Path(self.dataset).name, self.subset)
        return "-".join(part for part in parts if part)

    def model(self) -> nn.Module:
        """Return the network in eval mode and float32, read anew."""
        import transformers

        automatic = (
            transformers.AutoModelForImageClassification
            if self._image_column
            else transformers.AutoModelForSequenceClassification
        )
        model: nn.Module = _read(
            "network", self.network, automatic.from_pretrained, use_safetensors=True, dtype=torch.float32
        )
        return model.eval()

    def train_batches(self) -> Sequence[Batch]:
        """Return up to `train_samples` of the training split."""
        return self._batches(self._train, self.train_samples)

    def calibration_batches(self) -> Sequence[Batch]:
        """Return the first `calibration_samples` of the training samples."""
        return self._batches(self._train, min(self.calibration_samples, self.train_samples))

    def test_batches(self) -> Sequence[Batch]:
        """Return up to `test_samples` of the test split."""
        return self._batches(self._test, self.test_samples)

    @cached_property
    def _train(self) -> Any:
        return self._split("train_split", self.train_split)

    @cached_property
    def _test(self) -> Any:
        return self._split("test_split", self.test_split)

    @cached_property
    def _config(self) -> Any:
        import transformers

        return _read("network", self.network, transformers.AutoConfig.from_pretrained)

    def _split(self, field: str, split: str) -> Any:
        """One split in a random order that is always the same."""
        try:
            datasets = import_module("datasets")
        except ModuleNotFoundError:
            raise ValueError(
                f"dataset = {self.dataset!r}: needs the 'datasets' library: {how_to_install('huggingface')}"
            ) from None
        try:
            rows = datasets.load_dataset(self.dataset, self.subset or None, split=split)
        except (OSError, ValueError, datasets.exceptions.DatasetGenerationError) as error:
            raise ValueError(f"dataset = {self.dataset!r}, {field} = {split!r}: {_line(error)}") from None
        if self.label not in rows.features:
            raise ValueError(f"label = {self.label!r}: must be one of {', '.join(rows.features)}")
        return rows.shuffle(seed=0)

    @cached_property
    def _image_column(self) -> str | None:
        """The column of images; None for text."""
        images = [name for name, feature in self._test.features.items() if type(feature).__name__ == "Image"]
        chosen = [name for name in images if name in (self.columns or images)]
        return chosen[0] if chosen else None

    @cached_property
    def _text_columns(self) -> tuple[str, ...]:
        features = self._test.features
        texts = [name for name, kind in features.items() if getattr(kind, "dtype", "") in _TEXT_TYPES]
        texts = [name for name in texts if name != self.label]
        chosen = self.columns or tuple(texts)
        if not 1 <= len(chosen) <= 2 or not set(chosen) <= set(texts):
            raise ValueError(
                f"columns = {list(self.columns)}: must be one or two of {texts}, or one column of images"
            )
        return chosen

    @cached_property
    def _encode(self) -> Callable[[Mapping[str, Any]], dict[str, Tensor]]:
        """Turns a column-wise slice of the data into keyword arguments of the network."""
        return self._image_encoder(self._image_column) if self._image_column else self._text_encoder()

    def _text_encoder(self) -> Callable[[Mapping[str, Any]], dict[str, Tensor]]:
        import transformers

        columns = self._text_columns
        tokenizer = _read("network", self.network, transformers.AutoTokenizer.from_pretrained)
        if tokenizer.pad_token is None:
            raise ValueError(f"network = {self.network!r}: its tokenizer has no padding token")
        options = {"padding": "max_length", "truncation": True, "max_length": self.max_length}
        return lambda rows: dict(tokenizer(*(rows[name] for name in columns), return_tensors="pt", **options))

    def _image_encoder(self, column: str) -> Callable[[Mapping[str, Any]], dict[str, Tensor]]:
        import transformers

        processor = _read("network", self.network, transformers.AutoImageProcessor.from_pretrained)
        mode = "L" if getattr(self._config, "num_channels", 3) == 1 else "RGB"

        def encode(rows: Mapping[str, Any]) -> dict[str, Tensor]:
            images = [image.convert(mode) for image in rows[column]]
            return dict(processor(images=images, return_tensors="pt"))

        return encode

    def _batches(self, rows: Any, limit: int) -> list[Batch]:
        count = min(limit, len(rows))
        slices = [
            rows[start : min(start + self.batch_size, count)] for start in range(0, count, self.batch_size)
        ]
        return [Batch(self._encode(part), self._targets(part[self.label])) for part in slices]

    def _targets(self, labels: Sequence[Any]) -> Tensor:
        indices = [self._class_of(label) for label in labels]
        wrong = [label for label, index in zip(labels, indices, strict=True) if index is None]
        if wrong:
            raise ValueError(
                f"label = {self.label!r}: {self.name} has a sample of class {wrong[0]!r}: must be one of "
                f"{list(self._config.label2id)} or 0 to {self._config.num_labels - 1}"
            )
        return torch.tensor(indices, dtype=torch.int64)

    def _class_of(self, label: Any) -> int | None:
        """The network's index of a label: by its name if both sides name their classes, else as it is."""
        known: Mapping[str, int] = self._config.label2id
        names = getattr(self._test.features[self.label], "names", None)
        if isinstance(label, str):
            return known.get(label)
        if names and 0 <= label < len(names) and set(names) <= set(known):
            return known[names[label]]
        return int(label) if 0 <= label < self._config.num_labels else None


def _columns(columns: Any) -> tuple[str, ...]:
    """Columns as a tuple, given as a list as well.

    Raises:
        ValueError: If they are anything else.
    """
    if not isinstance(columns, tuple | list) or not all(isinstance(name, str) for name in columns):
        raise ValueError(f"columns = {columns!r}: must be a list of texts")
    return tuple(columns)


def _read(field: str, name: str, read: Callable[..., Any], **options: Any) -> Any:
    """Call one of the library's readers; its failures become one line."""
    try:
        return read(name, **options)
    except (OSError, ValueError) as error:
        raise ValueError(f"{field} = {name!r}: {_line(error)}") from None


def _line(error: Exception) -> str:
    """The first line of a message, which the libraries follow with pages of advice."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
