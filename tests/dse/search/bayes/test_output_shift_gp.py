import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad

from dse.search.bayes.kernel import Evidence, Kernel, Tables
from dse.search.bayes.output_shift_gp import COVER, OutputShiftGP

KEYS, TABLES, NUMBERS = 4, 10, 40


def _errors(rng, points=6):
    return [
        rng.normal(0, 1, (TABLES, points)) * 10.0 ** rng.uniform(-3, -1, (TABLES, 1)) for _ in range(KEYS)
    ]


def _tables(errors):
    """Errors at inputs that all lie in one part, or in the three ranges of two sites where there are six."""
    parts = {6: np.array([[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]])}
    return [Tables(own, parts.get(own.shape[1], np.zeros((2, own.shape[1]), int))) for own in errors]


class World:
    """Outputs move in proportion to the errors of tables, always by some rounding, and by noise."""

    def __init__(self, seed, noise=0.0, rounding=0.02):
        self.rng = rng = np.random.default_rng(seed)
        self.errors = _errors(rng)
        self._slopes = [rng.normal(0, 1, (own.shape[1], NUMBERS)) / NUMBERS**0.5 for own in self.errors]
        self._rounding = rng.normal(0, rounding / NUMBERS**0.5, (2, NUMBERS))
        self._noise = noise

    def choices(self, count):
        drawn = np.column_stack([self.rng.integers(0, TABLES, (count, KEYS)), self.rng.integers(0, 2, count)])
        return np.unique(drawn, axis=0)

    def moved(self, choices):
        by_tables = sum(
            own[row] @ slopes
            for own, slopes, row in zip(self.errors, self._slopes, choices.T[:-1], strict=True)
        )
        noise = self.rng.normal(0, self._noise / NUMBERS**0.5, (len(choices), NUMBERS))
        return by_tables + self._rounding[choices[:, -1]] + noise

    def fitted(self, choices, moved):
        losses = (moved**2).sum(axis=1)
        model = OutputShiftGP(_tables(self.errors), 2)
        model.fit(choices, losses, moved / np.sqrt(losses)[:, None], self.shares())
        return model

    def shares(self):
        return [*((own**2).sum(axis=1) for own in self.errors), np.full(2, 1e-6)]


def predicted(model, choices):
    """Predict the losses of choices with their widths, (n, keys + 1)."""
    both = [model.predict(choices[:, :-1], floor) for floor in (0, 1)]
    return np.where(choices[:, -1] == 0, both[0], both[1])


@pytest.mark.parametrize("seed", range(3))
def test_losses_of_tables_that_were_never_scored_together_are_foretold(seed):
    world = World(seed)
    choices = world.rng.permutation(world.choices(400))
    moved = world.moved(choices)
    model = world.fitted(choices[:80], moved[:80])
    mean, *_ = predicted(model, choices[80:])
    off = np.log((moved[80:] ** 2).sum(axis=1)) - mean
    assert np.sqrt((off**2).mean()) < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_it_knows_how_far_to_trust_itself(seed):
    world = World(seed, noise=0.02)
    choices = world.rng.permutation(world.choices(400))
    moved = world.moved(choices)
    mean, spread, _ = predicted(world.fitted(choices[:100], moved[:100]), choices[100:])
    off = (np.log((moved[100:] ** 2).sum(axis=1)) - mean) / spread
    assert 0.5 < np.sqrt((off**2).mean()) < 1.6


def test_tables_that_cancel_are_found_without_being_scored_together():
    rng = np.random.default_rng(0)
    slopes = rng.normal(0, 1, (2, 8)) / 8**0.5
    errors = [np.array([[0.1], [-0.1]]), np.array([[0.1], [-0.1]])]
    slopes[1] = slopes[0]  # both functions move outputs along one line
    choices = np.array([[0, 0, 0], [1, 1, 0], [1, 0, 0]])
    moved = sum(errors[k][choices[:, k]] @ slopes[[k]] for k in range(2)) + [1e-3] * 8
    losses = (moved**2).sum(axis=1)
    model = OutputShiftGP(_tables(errors), 1)
    shares = [np.full(2, 0.01), np.full(2, 0.01), np.array([1e-5])]
    model.fit(choices, losses, moved / np.sqrt(losses)[:, None], shares)
    (apart, together), *_ = model.predict(np.array([[0, 1], [1, 1]]), 0)
    assert apart < together - 2


def test_what_was_scored_is_known_and_what_has_nothing_in_common_is_open():
    world = World(1, noise=0.05)
    choices = world.choices(60)
    moved = world.moved(choices)
    losses = np.log((moved**2).sum(axis=1))
    mean, spread, _ = predicted(world.fitted(choices[1:], moved[1:]), choices)
    assert np.abs(mean[1:] - losses[1:]).mean() < 0.3
    assert spread[1:].mean() < spread[0]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 25))
def test_no_evaluations_can_make_it_fail(seed, count):
    rng = np.random.default_rng(seed)
    choices = np.column_stack(
        [rng.integers(0, 3, (count, KEYS)), rng.integers(0, 2, count)]
    )  # some are the same
    directions = rng.normal(0, 1, (count, NUMBERS))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    directions[rng.random(count) < 0.2] = 0.0  # outputs that did not move
    model = OutputShiftGP(_tables(_errors(rng)), 2)
    shares = [rng.choice([1e-12, 1e-6, 5.0], size) for size in (*[TABLES] * KEYS, 2)]
    model.fit(choices, rng.choice([0.0, 1e-9, 1e-3, 5.0], count), directions, shares)
    assert np.isfinite(model.predict(rng.integers(0, 3, (10, KEYS)), int(rng.integers(0, 2)))).all()


def test_the_gradient_is_the_slope_of_the_posterior():
    world = World(0, noise=0.02)
    choices = world.choices(30)
    moved = world.moved(choices)
    seen = Evidence(choices, (moved**2).sum(axis=1), moved)
    kernel = Kernel(_tables(world.errors), 2)
    prior = kernel.middle(seen, world.shares()[:-1])
    cost = kernel.posterior(seen, prior)
    for _ in range(3):
        at = prior + world.rng.normal(0, 0.5, len(prior))
        assert check_grad(lambda p: cost(p)[0], lambda p: cost(p)[1], at) < 1e-3 * np.abs(cost(at)[1]).max()


def test_parameters_are_learned_again_only_when_there_is_more_to_learn_from():
    world = World(0)
    choices = world.choices(50)
    moved = world.moved(choices)
    losses = (moved**2).sum(axis=1)
    directions = moved / np.sqrt(losses)[:, None]
    model = OutputShiftGP(_tables(world.errors), 2)
    model.fit(choices[:-1], losses[:-1], directions[:-1], world.shares())
    before = model._parameters.copy()
    model.fit(choices, losses, directions, world.shares())
    assert (model._parameters == before).all()


def _kept(world, choices, sums):
    return OutputShiftGP(_tables(world.errors), 2)._nearest(choices, sums)


def test_of_many_evaluations_those_of_least_sums_count_as_many_of_each_widths():
    world = World(0)
    choices = world.choices(3000)
    sums = sum(own[row] for own, row in zip(world.shares(), choices.T, strict=True))
    kept = _kept(world, choices, sums)
    for floor in (0, 1):
        own = np.flatnonzero(choices[:, -1] == floor)
        least = own[np.argsort(sums[own])[: 128 - COVER * KEYS * TABLES // 2]]
        assert len(set(least) - set(kept)) <= 0.1 * len(least)
    assert np.bincount(choices[kept, -1]).tolist() == [128, 128]


def test_no_table_that_was_scored_is_forgotten():
    world = World(0)
    choices = world.choices(3000)
    sums = np.where(choices[:, 0] == 3, 1e3, 1.0) + world.rng.random(len(choices))
    kept = choices[_kept(world, choices, sums)]
    for floor in (0, 1):
        assert (kept[kept[:, -1] == floor, 0] == 3).sum() == COVER


@pytest.mark.parametrize("axis", [0, 1])
def test_it_learns_at_which_sites_and_in_which_ranges_errors_matter(axis):
    rng = np.random.default_rng(5)
    parts = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
    errors = [rng.normal(0, 0.1, (30, 4)) for _ in range(3)]
    matters = (parts[axis] == 1).astype(float)
    slopes = [rng.normal(0, 1, (4, NUMBERS)) / NUMBERS**0.5 * matters[:, None] for _ in errors]
    choices = np.column_stack([*rng.integers(0, 30, (3, 150)), np.zeros(150, int)])
    moved = sum(own[row] @ by for own, by, row in zip(errors, slopes, choices.T, strict=False)) + 1e-3
    losses = (moved**2).sum(axis=1)
    model = OutputShiftGP([Tables(own, parts) for own in errors], 1)
    shares = [*((own**2).sum(axis=1) for own in errors), np.array([1e-5])]
    model.fit(choices[:60], losses[:60], moved[:60] / np.sqrt(losses[:60])[:, None], shares)
    mean, *_ = model.predict(choices[60:, :-1], 0)
    unseen = np.array([not (choices[:60, :-1] == row).any(axis=0).all() for row in choices[60:, :-1]])
    of_errors = np.log(
        sum((own[row] ** 2).sum(axis=1) for own, row in zip(errors, choices[60:].T, strict=False))
    )
    told = np.corrcoef(mean[unseen], np.log(losses[60:][unseen]))[0, 1]
    assert told > 0.97 > np.corrcoef(of_errors[unseen], np.log(losses[60:][unseen]))[0, 1] + 0.2


def test_what_a_table_does_that_was_never_scored_is_open():
    world = World(2, noise=0.02)
    choices = world.choices(400)
    choices = choices[(choices[:, 0] != 3) & (choices[:, -1] == 0)][:120]
    model = world.fitted(choices, world.moved(choices))
    best = np.argmin([own.mean() for own in np.abs(world.errors[0])])
    unseen, seen = np.tile(choices[:40, :-1], (2, 1, 1))
    unseen[:, 0], seen[:, 0] = 3, best if best != 3 else 0
    assert model.predict(unseen, 0).open.mean() > 3 * model.predict(seen, 0).open.mean()
