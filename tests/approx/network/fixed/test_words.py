from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from approx.machine.integer import IntegerUnits, reciprocal
from approx.machine.words import plain
from approx.network.fixed.plan import narrow_step, narrowing
from approx.network.fixed.table import rounded_shift
from approx.network.fixed.words import Word, integers, rounded, to_word


def nearest_even(x: Fraction) -> int:
    return round(x)  # Python rounds halves of a Fraction to the even integer


@given(st.floats(-1e4, 1e4, width=32), st.integers(4, 16), st.integers(-2, 20))
def test_a_number_becomes_the_nearest_word_halves_the_even_one(x: float, bits: int, fraction: int) -> None:
    word = Word(bits, fraction)
    expected = max(-word.limit, min(word.limit, nearest_even(Fraction(x) * Fraction(2) ** fraction)))
    assert int(integers(np.array(x), word)) == expected
    assert to_word(torch.tensor(x), word).item() == expected * word.step


@given(st.integers(-(2**40), 2**40), st.integers(-5, 30))
def test_torch_numpy_and_the_machine_round_a_shift_alike(n: int, shift: int) -> None:
    expected = nearest_even(Fraction(n) / Fraction(2) ** shift)
    assert int(rounded_shift(np.array(n), shift)) == expected
    assert int(plain(IntegerUnits(48).rounded(np.array(n), shift, 2**50))) == expected
    assert rounded(torch.tensor(float(n), dtype=torch.float64), 2.0**-shift, 2.0**50).item() == expected


@given(st.floats(1e-6, 1e6), st.integers(2, 16))
def test_a_word_holds_its_range_to_within_one_step_and_no_finer_one_does(magnitude: float, bits: int) -> None:
    word = Word.holding(bits, magnitude)
    assert word.largest + word.step >= magnitude
    finer = Word(bits, word.fraction + 1)
    assert finer.largest + finer.step < magnitude


@given(st.integers(1, 5000))
def test_a_mean_divides_to_fifteen_bits(n: int) -> None:
    multiplier, shift = reciprocal(n)
    assert multiplier < 2**15
    assert abs(multiplier * 2.0**-shift * n - 1) <= 2.0**-14


@given(st.integers(6, 15), st.floats(2.0, 200.0))
def test_a_narrowing_has_the_step_asked_for_within_half_a_per_cent(fraction: int, ratio: float) -> None:
    word = Word(16, fraction)
    narrow = narrowing(word, 8, word.step * ratio)
    digits, divisor = narrow_step(word, narrow)
    assert 2.0**-digits / divisor == pytest.approx(word.step * ratio, rel=2**-8)
    assert narrow.multiplier < 256


def test_gradients_pass_straight_through_but_not_where_the_word_saturates() -> None:
    x = torch.tensor([0.3, 5.0, -0.7], requires_grad=True)
    to_word(x, Word(4, 2)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 0.0, 1.0]
