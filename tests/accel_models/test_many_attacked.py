"""`evaluate_many` with anything in any cell: a row has figures, or a reason, and none of them raises."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accel_models import Design, Gemm, Hadamard, Lookup, Move, Workload, evaluate, evaluate_many
from accel_models.checks import Choice

WORKLOAD = Workload(
    [
        Gemm(20, 30, 40, "first"),
        Lookup(600, 16, "dyadic", "gelu"),
        Gemm(20, 1, 30, "sum", wide=True),
        Gemm(20, 30, 30, "narrow", a_bits=4, b_bits=2),
        Hadamard(600),
        Move(600),
    ]
)
RULES = Design.rules()
NONSENSE: list[Any] = [
    None, np.nan, pd.NA, pd.NaT, np.inf, -np.inf, -1, 0, 1, 0.5, -0.0, 1e308, 5e-324, True, False, np.True_,
    10**400, -(10**400), 2**63, 2**64, "", "16", "nan", "os", "\x00", "int8" * 100, "é\n", b"int8",
    (), (1, 2), [1], [], {}, {"a": 1}, {1}, object(), 1j, np.float32(16), np.int8(16), np.array([1, 2]),
    [10**5000], pd.Timestamp("2026-01-01"), float, "no.toml", "/", "45nm.toml", slice(1),
]  # fmt: skip


def usual(name: str) -> list[Any]:
    rule = RULES[name]
    if isinstance(rule, Choice):
        return list(rule.options)
    return [rule.low, rule.high, 16, 4096, Design.defaults()[name]]


def cell(name: str) -> st.SearchStrategy[Any]:
    drawn = st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3))
    return st.one_of(st.sampled_from(usual(name)), st.sampled_from(NONSENSE), drawn)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(1, 4))
    names = draw(st.lists(st.sampled_from(sorted(RULES)), min_size=1, max_size=6, unique=True))
    columns = {}
    for name in names:
        values = draw(st.lists(cell(name), min_size=size, max_size=size))
        column = pd.Series([None] * size, dtype=object)
        for row, value in enumerate(values):
            column.iat[row] = value
        # as pandas would have read it, where it can
        columns[name] = column.infer_objects() if draw(st.booleans()) else column
    return pd.DataFrame(columns)


def check(frame: pd.DataFrame) -> None:
    found = evaluate_many(frame, WORKLOAD)
    assert len(found) == len(frame)
    fine = found.reason == ""
    assert found.energy_j.notna().eq(fine).all()
    assert (found.loc[fine, ["energy_j", "latency_s"]] > 0).all().all()
    for reason in found.reason:
        assert isinstance(reason, str)
        assert "\n" not in reason
        assert len(reason) < 600


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_any_frame(frame: pd.DataFrame) -> None:
    check(frame)


@pytest.mark.parametrize("name", sorted(RULES))
def test_all_nonsense_in_each_column(name: str) -> None:
    column = pd.Series([None] * len(NONSENSE), dtype=object)
    for row, value in enumerate(NONSENSE):
        column.iat[row] = value
    check(pd.DataFrame({name: column}))


def test_good_rows_between_bad_ones_cost_what_they_cost_alone() -> None:
    column = pd.Series([None, 10**400, 32, "x", 8, np.nan], dtype=object)
    found = evaluate_many(pd.DataFrame({"rows": column}), WORKLOAD)
    assert (found.reason == "").tolist() == [False, False, True, False, True, False]
    for row, rows in ((2, 32), (4, 8)):
        assert found.energy_j[row] == evaluate(Design(rows=rows), WORKLOAD).energy_j


def test_a_column_that_is_there_twice_is_refused_by_name() -> None:
    frame = pd.DataFrame([[8, 16]], columns=["rows", "rows"])
    with pytest.raises(ValueError, match=r"rows = \(several columns\): must be given once"):
        evaluate_many(frame, WORKLOAD)
