"""A network whose outputs are embeddings has a cosine and no accuracy; its study is whole all the same."""

import json

import pytest

import dse
from dse.errors import UserError
from dse.evaluate.converted import check_metrics
from dse.metrics import HARDWARE
from dse.study_file import parse


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory, fake_network):
    class Embedder(fake_network):
        original = {"cosine": 1.0}  # noqa: RUF012

        def quality(self, tables, chosen, share=1.0):
            return {"cosine": super().quality(tables, chosen)["fidelity"]}

    folder = tmp_path_factory.mktemp("embeddings")
    (folder / "small.toml").write_text(
        '[search]\nobjectives = ["cosine", "throughput_per_watt"]\n'
        "[hardware]\nrows = [4, 8]\ncols = [4, 8]\ninput_buffer = 65536\nweight_buffer = 65536\n"
        "output_buffer = 65536\nparameter_buffer = 1024\n"
    )
    return dse.run(folder / "small.toml", trials=6, out=folder / "out", make_network=Embedder)


def test_its_figures_are_the_cosine_and_the_hardwares(embeddings):
    names = ["cosine", *(figure.name for figure in HARDWARE)]
    assert list(embeddings.snapshot().metrics) == names
    trials = embeddings.trials()
    assert (trials.state == "complete").all()
    assert "accuracy" not in trials
    assert trials[names].notna().all(axis=None)
    with pytest.raises(ValueError, match="metric = 'accuracy': must be one of cosine"):
        embeddings.best("accuracy")


def test_its_results_are_written(embeddings):
    best = json.loads((embeddings.folder / "best.json").read_text())
    assert best["original"] == {"cosine": 1.0}
    assert set(best) == {"original", "knee", "best-cosine", "best-throughput_per_watt"}
    page = (embeddings.folder / "report.html").read_text()
    assert "Cosine to the original" in page
    assert "has an accuracy of" not in page
    assert set(dse.Study.open(embeddings.folder).snapshot().metrics) >= {"cosine"}


def test_an_objective_that_the_task_has_not_is_refused_in_a_line():
    config = parse('[search]\nobjectives = ["fidelity", "area_mm2"]\n[task]\nname = "minilm"')
    with pytest.raises(UserError, match=r'^\[search\] objectives = "fidelity": minilm has cosine$'):
        check_metrics(config, {"cosine": 1.0})
    check_metrics(config, {"fidelity": 1.0})
