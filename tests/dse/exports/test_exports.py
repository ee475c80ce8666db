"""Inputs for other tools: complete, of the form the tools read, and refused by name where they cannot be."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from accel_models import Design, Gemm, Workload
from accel_models.backends import timeloop as backend
from dse.errors import UserError
from dse.exports import FORMATS, choose
from dse.exports.scalesim import configuration, topology

CONFIGURATION = """\
[general]
run_name = trial_7

[architecture_presets]
ArrayHeight = 16
ArrayWidth = 32
IfmapSramSzkB = 64
FilterSramSzkB = 32
OfmapSramSzkB = 16
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = os
Bandwidth = 12
ReadRequestBuffer = 512
WriteRequestBuffer = 512

[layout]
IfmapCustomLayout = False
FilterCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2

[sparsity]
SparsitySupport = false

[run_presets]
InterfaceBandwidth = USER
UseRamulatorTrace = False

"""


def test_scalesims_configuration_counts_words():
    design = Design(
        rows=16, cols=32, dataflow="os", data_width="int16", input_buffer=131_072, weight_buffer=65_536,
        output_buffer=65_536, dram_bandwidth=25.6e9,
    )  # fmt: skip
    assert configuration(design, "trial_7") == CONFIGURATION


def test_scalesims_topology_ends_its_rows_with_a_comma():
    assert topology([("gemm_01", 128, 768, 64)]) == "Layer, M, N, K,\ngemm_01, 128, 768, 64,\n"


def test_timeloops_folders_hold_what_the_backend_would_run(study):
    chosen = choose(study.snapshot(), "knee")
    files = FORMATS["timeloop"](chosen)
    gemm = Gemm(64, 64, 64)
    mapping = backend.choose(chosen.design, gemm)
    for name, text in backend.for_model(chosen.design, mapping).items():
        assert files[f"gemm_01_64x64x64/model/{name}"] == text
    assert {Path(name).name for name in files if "/mapper/" in name} == {
        "arch.yaml", "components.yaml", "problem.yaml", "variables.yaml", "mapper.yaml", "mapspace.yaml",
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(files["gemms.csv"])))
    assert [(row["folder"], row["products"], row["layers"]) for row in rows] == [
        ("gemm_01_64x64x64", "1", "a.linear")
    ]
    assert yaml.safe_load(files["ERT.yaml"])["ERT"]["tables"]
    compile(files["run.py"], "run.py", "exec")


def test_products_of_one_shape_and_other_widths_have_folders_of_their_own(study):
    chosen = choose(study.snapshot(), "knee")
    narrow = Gemm(64, 64, 64, "narrow", a_bits=8, b_bits=4, z_bits=16)
    work = Workload([Gemm(64, 64, 64, "plain"), narrow, Gemm(64, 1, 64, "sum", wide=True)])
    mixed = replace(chosen, design=Design(data_width="int16"), workloads={"net": work})
    files = FORMATS["timeloop"](mixed)
    rows = {row["layers"]: row for row in csv.DictReader(io.StringIO(files["gemms.csv"]))}
    assert list(rows) == ["plain", "narrow"]  # sums of rows are element-wise work
    assert (rows["narrow"]["folder"], rows["narrow"]["b_bits"]) == ("gemm_02_64x64x64_a8_b4_z16", "4")

    def word(layer, level):
        text = files[f"{rows[layer]['folder']}/model/arch.yaml"]
        return int(re.search(rf"{level}\b.*?datawidth: (\d+)", text, re.DOTALL).group(1))

    assert [word("plain", f"{name}_buffer") for name in ("input", "weight")] == [16, 16]
    assert [word("narrow", f"{name}_buffer") for name in ("input", "weight")] == [8, 4]
    assert f"{rows['narrow']['folder']}/ERT.yaml" in files
    assert f"{rows['plain']['folder']}/ERT.yaml" not in files


@pytest.mark.parametrize("tool", ["timeloop", "scalesim"])
def test_what_another_tool_reads_comes_with_a_guide(study, tool):
    files = FORMATS[tool](choose(study.snapshot(), "best-efficiency"))
    assert "README.md" in files
    assert all(content for content in files.values())
    assert not any(name.startswith("/") or ".." in name for name in files)


def test_a_design_is_chosen_by_number_or_by_name(study):
    front = study.pareto()
    assert choose(study.snapshot(), "knee").number == int(study.best().number)
    assert choose(study.snapshot(), "best-accuracy").number == int(study.best("accuracy").number)
    assert choose(study.snapshot(), str(front.number[0])).number == front.number[0]


@pytest.mark.parametrize("which", ["99999", "-1", "best", "1.0", "\u00b2"])
def test_no_such_design(study, which):
    with pytest.raises(
        UserError, match=r"--design .*: must be the number of a finished trial, or one of knee"
    ):
        choose(study.snapshot(), which)


def test_a_trial_behind_the_front_has_no_workload_left(study):
    trials = study.records()
    behind = next(t.number for t in trials if t.metrics and not t.workload)
    with pytest.raises(UserError, match=r"must be a trial that was on the front when it finished, as \d"):
        choose(study.snapshot(), str(behind))


def test_nothing_to_export_yet(unfinished):
    with pytest.raises(ValueError, match="no trial is finished yet"):
        choose(unfinished.snapshot(), "knee")
