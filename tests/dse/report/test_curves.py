"""Curves of a design's functions: the network's own tables, beside the least error of their size."""

import re

import numpy as np
import pytest

from accel_models import Design
from approx.cpwl import Density, fit
from dse.report import render
from dse.report.curves import Curves, table_bits
from dse.report.drawing import CURVE, ERROR, LEFT, RIGHT, drawing

TABLES = {
    "exp": {"segments": 8, "placement": "uniform", "bias": "minimax"},
    "gelu": {"segments": 4, "placement": "minimax", "bias": "least_squares"},
}


def test_a_curve_is_the_networks_own_table_beside_its_limit(study, fake_network):
    exp, gelu = Curves(study.snapshot()).of(TABLES, Design(data_width="int16"))
    given = fake_network.inputs["gelu"]
    density, domain = Density.from_dict(given["density"]), given["domain"]
    own = fit("gelu", 4, "minimax", "least_squares", domain=domain, density=density)
    assert gelu.curve.table == own
    assert gelu.curve.limit == fit("gelu", 4, domain=domain).max_error()
    assert exp.curve.ratio == exp.curve.error / exp.curve.limit > 10  # uniform segments waste most of exp
    assert gelu.curve.sites == 2
    assert gelu.rounded == own.quantize(16, storage="midpoint").max_error()


def test_a_table_that_designs_share_is_drawn_once(study):
    curves = Curves(study.snapshot())
    first = curves.of(TABLES, Design(data_width="int16"))
    again = curves.of(TABLES, Design(data_width="int8", elementwise_bits=8))
    assert [each.curve for each in first] == [each.curve for each in again]
    assert len(curves.all()) == 2
    assert [each.bits for each in again] == [8, 8]


def test_bits_are_the_tables_own_or_a_words():
    assert table_bits({}, Design(data_width="int8", elementwise_bits=16)) == 16
    assert table_bits({"width": 12}, Design(data_width="int8")) == 12
    assert table_bits({"width": 12}, Design(data_width="fp32")) is None


def test_tables_of_single_sites_are_those_of_the_widest(study):
    tables = {"a.exp": TABLES["exp"], "b.exp": TABLES["gelu"], "a.gelu": TABLES["gelu"]}
    exp, _ = Curves(study.snapshot()).of(tables, Design())
    assert exp.curve.table.segments == 8


def test_a_study_begun_before_inputs_were_kept_has_a_report_without_curves(own_study):
    own_study.optuna.set_user_attr("inputs", {})
    page = render(own_study.snapshot())
    assert "<symbol" not in page
    assert f'id="design-{int(own_study.best().number)}"' in page


def test_cards_show_the_limit_and_each_symbol_is_there_once(study):
    page = render(study.snapshot())
    symbols = re.findall(r'<symbol id="([^"]+)"', page)
    assert symbols
    assert len(symbols) == len(set(symbols))
    assert set(re.findall(r'<use href="#([^"]+)"', page)) == set(symbols)
    assert "error over limit" in page


def _points(path):
    return np.array([place.split(",") for place in path.removeprefix("M").split("L")], dtype=float)


@pytest.mark.parametrize(
    ("function", "domain"), [("gelu", (-5.0, 4.0)), ("rsqrt", (1e-3, 40.0)), ("exp", (-1e4, 0.0))]
)
@pytest.mark.parametrize("segments", [1, 16, 200])
def test_a_drawing_keeps_to_its_frame_and_shows_the_largest_error(function, domain, segments):
    table = fit(function, segments, "uniform", domain=domain)
    drawn = drawing(table, limit=table.max_error() / 2)
    for path, (top, bottom) in ((drawn.function, CURVE), (drawn.lines, CURVE), (drawn.error, ERROR)):
        x, y = _points(path).T
        assert x[0] == LEFT
        assert x[-1] == RIGHT
        assert ((top <= y) & (y <= bottom)).all()
    top, bottom = drawn.limits
    assert drawn.zero == pytest.approx((top + bottom) / 2, abs=0.1)
    reach = np.abs(_points(drawn.error)[:, 1] - drawn.zero).max() / (bottom - drawn.zero)
    assert reach == pytest.approx(2, rel=0.15)  # the error is twice the limit
