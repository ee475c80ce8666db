import numpy as np
import torch
from sklearn.datasets import load_digits

from approx.tasks.digit_images import shifted, split


def _keys(images):
    return {tuple(image.flatten().tolist()) for image in images.pixels}


def test_no_image_is_in_two_splits_and_none_is_lost():
    parts = [_keys(part) for part in split()]
    assert [len(part) for part in parts] == [1137, 120, 540]  # as many as there are: no image twice
    whole = {tuple(map(int, row)) for row in load_digits().data}
    assert set.union(*parts) == whole
    assert sum(map(len, parts)) == len(whole) == 1797


def test_images_keep_their_labels_and_every_split_its_share_of_each():
    truth = {tuple(map(int, row)): label for row, label in zip(*load_digits(return_X_y=True), strict=True)}
    for images in split():
        shown = [truth[tuple(image.flatten().tolist())] for image in images.pixels]
        assert shown == images.labels.tolist()
        counts = np.bincount(images.labels.numpy(), minlength=10) / len(images.labels)
        assert np.allclose(counts, 0.1, atol=0.01)


def test_shifting_moves_by_at_most_a_pixel_and_fills_with_background():
    image = torch.zeros(400, 8, 8, dtype=torch.int64)
    image[:, 3, 4] = 9
    moved = shifted(image, 0.5, torch.Generator().manual_seed(0))
    row, column = moved.flatten(1).argmax(1) // 8, moved.flatten(1).argmax(1) % 8
    assert (moved.sum((1, 2)) == 9).all()
    assert set(row.tolist()) == {2, 3, 4}
    assert set(column.tolist()) == {3, 4, 5}
    # An axis moves with probability 1/2 * 2/3; four standard deviations of 400 draws are 0.094.
    assert abs((row != 3).float().mean() - 1 / 3) < 0.1
    corner = torch.full((50, 8, 8), 5)
    assert set(shifted(corner, 1.0, torch.Generator().manual_seed(0)).unique().tolist()) == {0, 5}
    assert torch.equal(shifted(image, 0.0, torch.Generator()), image)
