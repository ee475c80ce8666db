"""Real images of handwritten digits, split once and for all, and moved about for training.

They are scikit-learn's 1797 images, the test set of the UCI "Optical Recognition of Handwritten Digits"
(Alpaydin and Kaynak, 1998): 8 x 8 pixels of 17 intensity levels, ten classes.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

TEST_IMAGES = 540
VALIDATION_IMAGES = 120


class Images(NamedTuple):
    """Digits and what they show.

    Attributes:
        pixels: (images, 8, 8) int64, intensity 0 to 16.
        labels: (images,) int64, 0 to 9.
    """

    pixels: Tensor
    labels: Tensor


class Split(NamedTuple):
    """Three sets of images without a common member."""

    train: Images
    validation: Images
    test: Images


@cache
def split() -> Split:
    """Return the fixed stratified split, each part in a shuffled order."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    indices = torch.arange(len(labels)).numpy()
    rest, test = train_test_split(indices, test_size=TEST_IMAGES, stratify=labels, random_state=0)
    training, validation = train_test_split(
        rest, test_size=VALIDATION_IMAGES, stratify=labels[rest], random_state=0
    )
    images = Images(torch.from_numpy(pixels).long().reshape(-1, 8, 8), torch.from_numpy(labels).long())
    return Split(*(Images(*(part[chosen] for part in images)) for chosen in (training, validation, test)))


def shifted(pixels: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Move each image by one pixel, up or down and left or right, each with a probability; edges fill with 0.

    Args:
        pixels: (images, 8, 8).
        probability: That an image is given a random step of -1, 0 or 1 along an axis.
        generator: Of the random steps.

    Returns:
        A new tensor of the same shape.
    """
    count, height, width = pixels.shape
    chosen = torch.rand(count, 2, generator=generator) < probability
    step = torch.randint(-1, 2, (count, 2), generator=generator) * chosen
    rows = (1 + torch.arange(height) + step[:, :1])[:, :, None]
    columns = (1 + torch.arange(width) + step[:, 1:])[:, None, :]
    padded = nn.functional.pad(pixels, (1, 1, 1, 1))
    return padded[torch.arange(count)[:, None, None], rows, columns]
