import numpy as np
import pytest

from approx.cpwl import fit
from approx.network.fixed.table import all_inputs, quantised, table_values
from approx.network.fixed.words import Word, integers


@pytest.mark.parametrize(
    ("function", "domain", "x", "y"),
    [
        ("gelu", (-6.0, 6.0), Word(16, 12), Word(16, 12)),
        ("exp", (-14.0, 0.0), Word(16, 11), Word(16, 15)),
        ("rsqrt", (0.4, 130.0), Word(16, 8), Word(16, 14)),
        ("reciprocal", (1.0, 64.0), Word(16, 9), Word(16, 15)),
        ("gelu", (-6.0, 6.0), Word(8, 4), Word(8, 4)),
    ],
)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_the_integers_are_those_of_the_quantised_table(
    function: str, domain: tuple[float, float], x: Word, y: Word, bits: int
) -> None:
    table = quantised(fit(function, segments=16, domain=domain), bits, x)
    exact = table(all_inputs(x) * x.step)  # its numbers are powers of two: float64 computes it exactly
    assert (table_values(table, x, y) == integers(exact, y)).all()


def test_sixteen_bits_keep_a_table_and_a_domain_wider_than_the_word_keeps_its_line() -> None:
    x, y = Word(16, 15), Word(16, 14)
    table = fit("rsqrt", segments=8, domain=(0.5, 1.5))  # the word ends at 1
    values = table_values(quantised(table, 16, x), x, y) * y.step
    inputs = all_inputs(x) * x.step
    inside = inputs >= 0.5
    assert np.abs(values - table(inputs))[inside].max() < 4 * y.step
    assert values[-1] == pytest.approx(1.0, abs=1e-2)


def test_a_domain_narrower_than_a_step_becomes_one_segment() -> None:
    x, y = Word(16, 15), Word(16, 14)
    table = quantised(fit("rsqrt", segments=8, domain=(0.5, 0.500001)), 16, x)
    assert table.segments == 1
    assert table_values(table, x, y)[x.limit + 2**14] * y.step == pytest.approx(2**0.5, abs=1e-3)
