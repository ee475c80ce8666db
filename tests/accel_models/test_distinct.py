"""Designs of one kind are computed once, and what is read beside what was known is never missed."""

import re

import numpy as np
import pandas as pd
import pytest

from accel_models import Design, Designs, Gemm, Hadamard, Lookup, Workload, distinct, evaluate, evaluate_many
from accel_models.distinct import Kinds, NotReadYet
from accel_models.hardware import derive
from accel_models.table import from_frame

WORKLOAD = Workload([Gemm(64, 48, 96), Lookup(64 * 48, 16, "shift"), Hadamard(3000)])
OTHER = Workload([Gemm(64, 48, 96), Lookup(64 * 48, 32, "dyadic", width=12), Gemm(48, 64, 10, wide=True)])
FRAME = pd.MultiIndex.from_product(
    [
        [4, 8],
        ["ws", "is"],
        [1024, 65536],
        [1, 4],
        [1e8, 5e8],
        ["28nm", "45nm"],
        ["diagonal", "full"],
        [1e9, 8e9],
    ],
    names=["rows", "dataflow", "weight_buffer", "banks", "clock", "technology", "hadamard", "dram_bandwidth"],
).to_frame(index=False)


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch):
    """Begin with nothing known of what is read."""
    monkeypatch.setattr(distinct, "_read", set())


def test_a_table_of_designs_gives_the_figures_of_each_alone():
    designs = FRAME.assign(addressing="dyadic")
    for workload in (WORKLOAD, OTHER, WORKLOAD):
        many = evaluate_many(designs, workload)
        for row in range(0, len(designs), 17):
            design = Design(**designs.iloc[row].to_dict())
            if many.reason[row]:
                with pytest.raises(ValueError, match=re.escape(many.reason[row])):
                    evaluate(design, workload)
            else:
                alone = evaluate(design, workload)
                for name in ("energy_j", "cycles", "area_mm2", "dram_reads"):
                    assert many.at[row, name] == getattr(alone, name)


def test_what_a_later_workload_reads_beside_is_taken_into_account():
    designs = Designs(FRAME.assign(addressing="dyadic"))
    first = designs.evaluate(WORKLOAD)
    second = designs.evaluate(OTHER)
    assert designs.evaluate(WORKLOAD).equals(first)
    assert second.equals(evaluate_many(FRAME.assign(addressing="dyadic"), OTHER))


def test_there_are_fewer_kinds_than_designs():
    frame = pd.concat([FRAME.assign(addressing="dyadic"), FRAME.assign(addressing="comparator")])
    evaluate_many(frame, Workload([Gemm(64, 48, 96), Hadamard(3000)]))
    t = from_frame(frame)
    kinds = Kinds(t, derive(t))
    assert kinds.size < len(frame)  # counting products reads no addressing
    part, _ = kinds.part(0, kinds.size)
    for name, values in part.columns.items():
        assert np.array_equal(values[kinds.places], t[name], equal_nan=True)


def test_a_field_that_was_not_read_is_asked_for():
    t = from_frame(FRAME)
    part, hardware = Kinds(t, derive(t)).part(0, 1)
    assert part.columns == {}
    with pytest.raises(NotReadYet, match="rows"):
        part["rows"]
    with pytest.raises(NotReadYet, match="lanes"):
        _ = hardware.lanes
    with pytest.raises(AttributeError):
        _ = hardware.nothing_like_it
    part, hardware = Kinds(t, derive(t)).part(0, 2)
    assert len(part["rows"]) == len(hardware.lanes) == 2
