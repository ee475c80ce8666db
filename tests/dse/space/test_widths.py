import pandas as pd
import pytest

import dse
from approx import Numerics
from dse.errors import UserError
from dse.metrics import METRICS
from dse.results.losses import shown
from dse.search.design_grid.hardware import Hardware
from dse.space.widths import check, completed, completed_all, numerics, widths
from dse.study_file import parse


def least(chosen):
    """Accumulators as a network with small layers needs them."""
    needed = {"int8": 32, "int16": 48}.get(chosen["data_width"], 32)
    given = chosen.get("accumulator_bits", needed)
    if given < needed:
        raise ValueError(
            f"accumulator = {given}: layer a.linear (K = 64) can overflow it: must be at least {needed}"
        )
    return given


def test_what_a_study_file_leaves_open_is_the_same_for_accuracy_and_energy():
    int8 = completed({"data_width": "int8", "rows": 4}, least)
    assert int8 == {"data_width": "int8", "rows": 4, "elementwise_bits": 16, "accumulator_bits": 32}
    assert numerics(widths(int8)) == Numerics("int8", elementwise=16, accumulator=32)
    int16 = completed({"data_width": "int16"}, least)
    assert numerics(widths(int16)) == Numerics("int16", elementwise=16, accumulator=48)
    assert numerics(widths(completed({"data_width": "fp16"}, least))) == Numerics("fp16")
    eight = completed({"data_width": "int8", "elementwise_bits": 8}, least)
    assert numerics(widths(eight)) == Numerics("int8", elementwise=8, accumulator=32)


def test_many_designs_are_completed_row_by_row():
    frame = pd.DataFrame({"data_width": ["int8", "int16", "int16"], "accumulator_bits": [32, 48, 32]})
    rows, reasons = completed_all(frame, least)
    assert rows.accumulator_bits.tolist() == [32, 48, 32]
    assert reasons[:2].tolist() == ["", ""]
    assert reasons[2].startswith("accumulator = 32: layer a.linear (K = 64) can overflow it")


def test_widths_that_cannot_serve_are_refused_before_any_work():
    with pytest.raises(
        UserError, match=r"\[hardware\] accumulator = 32: layer a.linear \(K = 64\) can overflow"
    ):
        check({"data_width": ("int16",), "accumulator_bits": (32,)}, least)
    check({"data_width": ("int8", "int16"), "accumulator_bits": (32,)}, least)


def test_table_widths_are_searched_a_function():
    config = parse("[approximation]\nwidth = [8, 16]\n[approximation.exp]\nwidth = 12")
    assert config.approximation.axes("gelu")["width"] == (8, 16)
    assert config.approximation.axes("exp")["width"] == (12,)
    assert "width" not in parse("").approximation.axes("gelu")
    with pytest.raises(
        UserError, match=r"\[approximation\] width = 33: must be an integer from 2 to 32 bits"
    ):
        parse("[approximation]\nwidth = 33")


def test_a_nested_study_lets_the_sampler_choose_the_width_and_reports_the_losses(
    study_file, tmp_path, fake_network, no_results
):
    text = study_file.read_text().replace('"joint"', '"nested"')
    study_file.write_text(text.replace('"int16"', '["int8", "int16"]'))
    study = dse.run(study_file, trials=16, out=tmp_path / "out", make_network=fake_network)
    designs = [trial.user_attrs["design"] for trial in study.optuna.trials]
    assert {(d["data_width"], d["accumulator_bits"]) for d in designs} == {("int8", 32), ("int16", 48)}
    assert {d.get("elementwise_bits") for d in designs if d["data_width"] == "int8"} == {16}
    rows = shown(study.snapshot())
    assert [row["arithmetic"].split(",")[0] for row in rows] == ["int8", "int16"]
    assert all(row["both"] >= 0 for row in rows)
    hardware = Hardware(study.space, fake_network().accumulator, [METRICS["energy_j"]])
    best = hardware.best(fake_network().workload(study.optuna.trials[0].user_attrs["tables"]))
    assert [fields["data_width"] for fields in best] == ["int8"]
