"""Handwritten digits: three small trained networks on real images that need no download.

Training and calibration see the training images alone; every network is trained for a fixed number of
epochs, so nothing is chosen by the images that score it.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from approx.folders import cache_folder
from approx.tasks.base import Batch
from approx.tasks.cache import (
    load_weights,
    recipe_digest,
    refused,
    require_writable,
    save_weights,
)
from approx.tasks.digit_images import TEST_IMAGES, VALIDATION_IMAGES, Images, shifted, split
from approx.tasks.evaluate import accuracy_on
from approx.tasks.families import FAMILIES, Family
from approx.tasks.training import Recipe, train

CALIBRATION_IMAGES = 360
EVALUATION_BATCH = 90
"""Of 9 to 540 images, 60 to 180 score BERT fastest on one core, converted or not."""
REVISION = 1
"""Raise when the code of the split, the augmentation or the training loop changes what training gives."""


@dataclass(frozen=True)
class Digits:
    """A small network that reads handwritten digits, trained on first use and kept in the cache folder.

    Attributes:
        family: "bert", "roberta" or "resnet".
        seed: Of the initial weights, shuffling and augmentation; the split does not depend on it.
        recipe: How it is trained; None for the family's own.

    Raises:
        ValueError: If the family is unknown or the seed no integer of at least 0.
    """

    family: str
    seed: int = 0
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"family = {self.family!r}: must be one of {', '.join(FAMILIES)}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed = {self.seed!r}: must be an integer of at least 0")

    @property
    def name(self) -> str:
        """Name in reports and messages: "digits-bert"."""
        return f"digits-{self.family}"

    def model(self) -> nn.Module:
        """Return the trained network in eval mode, from the cache if it was trained before.

        Raises:
            ValueError: If the cache folder cannot be written, or its file is damaged or another's.
        """
        digest = recipe_digest(self._identity())
        path = cache_folder() / f"{self.name}-seed{self.seed}-{digest[:12]}.safetensors"
        if not path.is_file():
            require_writable(path.parent)
            self._train_into(path, digest)
        tensors, _ = load_weights(path, digest)
        try:
            return self._network(tensors)
        except RuntimeError as error:  # another version of transformers names its weights otherwise
            raise refused(path, str(error)) from None

    def train_batches(self) -> Sequence[Batch]:
        """Return the training images in batches of the recipe's size, shuffled once, not augmented."""
        return self._batches(split().train, self._recipe.batch_size)

    def calibration_batches(self) -> Sequence[Batch]:
        """Return the first 360 training images."""
        pixels, labels = split().train
        return self._batches(Images(pixels[:CALIBRATION_IMAGES], labels[:CALIBRATION_IMAGES]))

    def validation_batches(self) -> Sequence[Batch]:
        """Return the 120 images that training never sees, to choose an epoch or a recipe by."""
        return self._batches(split().validation)

    def test_batches(self) -> Sequence[Batch]:
        """Return the 540 held-out images."""
        return self._batches(split().test)

    @property
    def _family(self) -> Family:
        return FAMILIES[self.family]

    @property
    def _recipe(self) -> Recipe:
        return self.recipe or self._family.recipe

    def _identity(self) -> dict[str, object]:
        """Everything that decides the trained weights."""
        return {
            "task": self.name,
            "seed": self.seed,
            "config": dict(self._family.config),
            "recipe": asdict(self._recipe),
            "split": [TEST_IMAGES, VALIDATION_IMAGES],
            "revision": REVISION,
        }

    def _batches(self, images: Images, size: int = EVALUATION_BATCH) -> list[Batch]:
        parts = zip(images.pixels.split(size), images.labels.split(size), strict=True)  # type: ignore[no-untyped-call]
        return [Batch(self._family.encode(pixels), labels) for pixels, labels in parts]

    def _epoch(self, generator: torch.Generator) -> list[Batch]:
        """One epoch's batches of equal size: a remainder would weigh its few images more."""
        images = split().train
        size = min(self._recipe.batch_size, len(images.labels))
        order = torch.randperm(len(images.labels), generator=generator)
        order = order[: len(order) // size * size]
        pixels = shifted(images.pixels[order], self._recipe.shift, generator)
        return self._batches(Images(pixels, images.labels[order]), size)

    def _network(self, tensors: Mapping[str, Tensor]) -> nn.Module:
        model = self._family.build(self.seed)
        model.load_state_dict(tensors)
        return model.eval()

    def _train_into(self, path: Path, digest: str) -> None:
        trained = train(self._family.build(self.seed), self._epoch, self._recipe, self.seed, self.name)
        tensors = trained.state_dict()
        model = self._network(tensors)
        metadata = {
            **{key: json.dumps(value) for key, value in self._identity().items()},
            "recipe_sha256": digest,
            "validation_accuracy": f"{accuracy_on(model, self.validation_batches(), self.name):.6f}",
            "test_accuracy": f"{accuracy_on(model, self.test_batches(), self.name):.6f}",
            "torch": torch.__version__,
            "transformers": importlib.metadata.version("transformers"),
        }
        save_weights(path, tensors, metadata)
