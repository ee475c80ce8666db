"""What a design is built from, and back: every format of a study on a real, small network."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import approx
import dse
from accel_models import Design, Workload, evaluate
from approx import machine
from approx.cpwl import CpwlTable
from dse.errors import UserError
from dse.exports import FORMATS, choose
from dse.exports.memory import PACKAGE

STUDY = """
[task]
name = "tiny_task:make"
[approximation]
segments = [4, 8]
placement = "uniform"
[hardware]
rows = 4
cols = 4
data_width = "{width}"
"""


@pytest.fixture(params=["int8", "fp32"])
def chosen(request, tiny_study):
    tiny_study.write_text(STUDY.format(width=request.param))
    study = dse.run(tiny_study, trials=3, out=tiny_study.parent / "out")
    return choose(study.snapshot(), "knee")


@pytest.fixture
def x():
    return torch.randn(64, 4, generator=torch.Generator().manual_seed(3))


def test_the_model_is_the_network_that_the_trial_was_scored_with(chosen, x, tmp_path):
    for name, content in FORMATS["model"](chosen).items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    loaded = approx.load(tmp_path / "model.safetensors")
    assert loaded.numerics.data == chosen.design.data_width
    found = machine.load(tmp_path / "model.safetensors").run({"x": x.numpy()})
    exactly = 0.0 if chosen.design.data_width == "int8" else 1e-5
    np.testing.assert_allclose(found, loaded(x).detach().numpy(), rtol=0, atol=exactly)
    assert "1 exp, 1 gelu, 1 log" in (tmp_path / "certificate.txt").read_text()


def test_tables_come_back_as_they_are_and_have_the_segments_of_the_trial(chosen):
    tables = {
        n: CpwlTable.from_dict(t) for n, t in json.loads(FORMATS["tables"](chosen)["tables.json"]).items()
    }
    assert {table.function for table in tables.values()} >= {"exp", "gelu", "log"}
    for table in tables.values():
        if table.function in chosen.tables:
            assert table.segments <= chosen.tables[table.function]["segments"]
        assert (table.fixed_point is not None) == (chosen.design.data_width == "int8")


def test_c_and_verilog_hold_the_same_integers(chosen):
    header, (image, package) = FORMATS["c"](chosen)["tables.h"], FORMATS["verilog"](chosen).values()
    assert list(FORMATS["verilog"](chosen)) == ["tables.mem", f"{PACKAGE}.sv"]
    assert header.count("_knots[] = {") == package.count("_MIDPOINT = 1;") >= 3
    assert int(package.split("DEPTH = ")[1].split(";")[0]) == len(image.split())


def test_the_design_costs_what_the_trial_says(chosen, cli, tmp_path):
    for name, content in FORMATS["design"](chosen).items():
        (tmp_path / name).write_text(content)
    status, out, err = cli("estimate", tmp_path / "workload.json", "-d", tmp_path / "design.toml", "--json")
    assert status == 0, err
    row = chosen.study.trials.set_index("number").loc[chosen.number]
    for name in ("throughput_per_watt", "latency_s", "area_mm2", "cycles"):
        assert json.loads(out)[name] == row[name]
    design = Design.load(tmp_path / "design.toml")
    assert evaluate(design, Workload.load(tmp_path / "workload.json")).energy_j == row.energy_j


def test_another_network_than_the_studys_is_refused(chosen):
    study = replace(chosen.study, study=replace(chosen.study.study, fingerprint="other"))
    chosen = replace(chosen, study=study)
    with pytest.raises(UserError, match="its trials were scored with other weights, data or code"):
        FORMATS["model"](chosen)
