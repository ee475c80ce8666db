import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.directions import pack, unpack


@given(st.integers(1, 300), st.integers(0, 1000))
def test_a_direction_survives_as_a_text(size, seed):
    direction = np.random.default_rng(seed).standard_normal(size)
    direction /= np.linalg.norm(direction)
    text = pack(direction)
    assert text.isascii()
    assert unpack(text) == pytest.approx(direction, rel=1e-3, abs=1e-6)
