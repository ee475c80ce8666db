from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from approx.machine.units import Units
from approx.machine.words import Words, guarded, plain

X: Any = guarded(np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3))

ARITHMETIC: list[Callable[[], Any]] = [
    lambda: X + 1,
    lambda: X * X,
    lambda: X @ X.T,
    lambda: -X,
    lambda: X > 0,
    lambda: X**2,
    lambda: 1 / X,
    lambda: np.exp(X),
    lambda: np.maximum(X, 0),
    lambda: np.add.reduce(X),
    lambda: np.sum(X),
    lambda: np.sort(X),
    lambda: np.dot(X, X.T),
    lambda: np.einsum("ij->i", X),
    lambda: np.interp(X, [0, 1], [0, 1]),
    lambda: np.linalg.norm(X),
    lambda: np.clip(X, 0, 1),
    lambda: np.argmax(X),
    lambda: X.sum(),
    lambda: X.max(),
    lambda: X.mean(),
    lambda: X.dot(X.T),
    lambda: X.cumsum(),
    lambda: X.sort(),
    lambda: X.tolist(),
    lambda: float(X[0, 0, None].reshape(())),
    lambda: np.where(X > 0, X, 0),
]
MOVES: list[Callable[[], Any]] = [
    lambda: X.T,
    lambda: X.reshape(3, 2),
    lambda: X[1:, ::2],
    lambda: X[np.array([1, 0, 1])],
    lambda: np.concatenate([X, X]),
    lambda: np.where(np.array([True, False, True]), X, 0.0),
    lambda: np.pad(X, 1),
    lambda: np.take_along_axis(X, np.array([[0], [2]]), 1),
    lambda: np.copy(X, subok=True),
]


@pytest.mark.parametrize("compute", ARITHMETIC)
def test_arithmetic_is_refused(compute: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="on float words"):
        compute()


@pytest.mark.parametrize("move", MOVES)
def test_moved_words_stay_words(move: Callable[[], Any]) -> None:
    assert isinstance(move(), Words)


def test_units_compute_with_words_and_count() -> None:
    unit = Units()
    np.testing.assert_allclose(plain(unit.product(X, X.T)), plain(X) @ plain(X).T)
    np.testing.assert_allclose(plain(unit.multiply(X, 2)), plain(X) * 2)
    assert isinstance(unit.add(X, 1), Words)
    assert unit.work == {"gemm": 2 * 2 * 3, "hadamard": 12}


def test_a_lookup_takes_the_line_of_the_knots_that_are_at_most_x() -> None:
    knots = np.float32([0.0]).reshape(1)
    lines = np.array([[0.0, 5.0], [2.0, 1.0]], np.float32)
    x = guarded(np.array([-np.inf, -1.0, 0.0, 3.0, np.inf, np.nan], np.float32))
    got = plain(Units().lookup(x, knots, lines))
    np.testing.assert_array_equal(got, np.array([5.0, 5.0, 1.0, 7.0, np.inf, np.nan], np.float32))


def test_integers_and_masks_are_no_words() -> None:
    assert not isinstance(guarded(np.arange(3)), Words)
    assert not isinstance(guarded(np.array([True])), Words)
