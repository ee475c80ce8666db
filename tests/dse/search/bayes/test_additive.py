import itertools

import numpy as np
import pytest

from dse.search.bayes.additive import AdditiveLoss

FUNCTIONS = {"a": "a", "b": "b", "c": "c"}
SPECS = [
    {"segments": s, "placement": p, "bias": b}
    for s, p, b in itertools.product((2, 4, 8, 16), ("uniform", "minimax"), ("none", "mean"))
]


def _problem(seed):
    """Errors of tables, and true shares that follow them up to a factor a function and some scatter."""
    rng = np.random.default_rng(seed)
    errors = np.array([s["segments"] ** -4.0 * (0.1 if s["placement"] == "minimax" else 1) for s in SPECS])
    factors = np.exp(rng.normal(0, 3, 3))
    shares = factors[:, None] * errors * np.exp(rng.normal(0, 0.5, (3, len(SPECS))))
    return errors, shares


def _model(errors, floors=1):
    return AdditiveLoss(FUNCTIONS, dict.fromkeys(FUNCTIONS, SPECS), dict.fromkeys(FUNCTIONS, errors), floors)


def _with_floor(choices, floor=0):
    return np.column_stack([choices, np.full(len(choices), floor)])


@pytest.mark.parametrize("seed", range(3))
def test_a_few_evaluations_of_sums_tell_the_loss_of_tables_never_tried(seed):
    rng = np.random.default_rng(seed)
    errors, shares = _problem(seed)
    choices = rng.integers(0, len(SPECS), (30, 3))
    losses = shares[[0, 1, 2], choices].sum(axis=1)
    model = _model(errors)
    fresh = rng.integers(0, len(SPECS), (200, 3))
    truth = np.log(shares[[0, 1, 2], fresh].sum(axis=1))

    def miss():
        drawn = [model.draw(np.random.default_rng(i)) for i in range(40)]
        guess = [np.log(sum(own[i] for own, i in zip(s, _with_floor(fresh).T, strict=True))) for s in drawn]
        return np.abs(np.mean(guess, axis=0) - truth).mean()

    blind = miss()
    model.fit(_with_floor(choices), losses)
    assert miss() < 0.8
    assert miss() < blind / 2


def test_what_was_measured_is_believed_and_what_was_not_stays_open():
    errors, shares = _problem(0)
    model = _model(errors)
    choice = np.array([[0, 15, 15]])  # the first function's share is all there is
    model.fit(_with_floor(choice), shares[[0, 1, 2], choice].sum(axis=1))
    draws = np.log([np.concatenate(model.draw(np.random.default_rng(i))[:3]) for i in range(200)])
    spread = draws.std(axis=0).reshape(3, -1)
    assert spread[0, 0] < 0.6
    assert spread[1, 0] > 2


def test_losses_that_no_table_explains_go_to_their_floor():
    errors, _ = _problem(0)
    model = _model(errors, floors=2)
    rng = np.random.default_rng(0)
    choices = np.column_stack([rng.integers(0, len(SPECS), (60, 3)), np.arange(60) % 2])
    model.fit(choices, np.where(choices[:, 3] == 0, 1e-3, 1e-2))
    floors = [model.draw(np.random.default_rng(i))[3] for i in range(50)]
    assert np.median(floors, axis=0) == pytest.approx([1e-3, 1e-2], rel=0.2)


def test_what_one_width_shows_of_a_table_is_known_of_the_others():
    errors, shares = _problem(1)
    floors = np.array([1e-9, 1e-8])
    rng = np.random.default_rng(1)
    choices = rng.integers(0, len(SPECS), (60, 3))
    losses = shares[[0, 1, 2], choices].sum(axis=1)
    model = _model(errors, floors=2)
    model.fit(_with_floor(choices), losses + floors[0])
    finest = np.full((1, 3), len(SPECS) - 1)
    model.fit(
        np.concatenate([_with_floor(choices), _with_floor(finest, 1)]),
        np.append(losses + floors[0], shares[[0, 1, 2], finest].sum() + floors[1]),
    )
    told = sum(own[row] for own, row in zip(model.expected(), _with_floor(choices, 1).T, strict=True))
    assert np.abs(np.log(told / (losses + floors[1]))).mean() < 0.2


def test_no_evaluation_or_a_loss_of_zero_is_no_trouble():
    errors, _ = _problem(0)
    model = _model(errors)
    assert np.isfinite(np.concatenate(model.draw(np.random.default_rng(0)))).all()
    model.fit(_with_floor(np.array([[0, 0, 0], [15, 15, 15]])), np.array([0.0, 3.0]))
    assert np.isfinite(np.concatenate(model.draw(np.random.default_rng(0)))).all()
