"""Further families of the transformers library: exact under the true functions, and in the machine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from torch.utils import _pytree as pytree

from approx import machine
from approx.network import Approximation, convert

Inputs = Callable[[int], dict[str, torch.Tensor]]
TEXT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 50,
}
GROUPED = TEXT | {"num_key_value_heads": 2}
VISION = {**{k: v for k, v in TEXT.items() if k != "vocab_size"}, "image_size": 32, "patch_size": 8}
RELATIVE = VISION | {"use_relative_position_bias": True}
DISENTANGLED = TEXT | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
SPEECH = TEXT | {
    "conv_dim": [16, 16],
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
BART = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "vocab_size": 50,
}


def ids(batch: int) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.randint(5, 50, (batch, 12))}


def both(batch: int) -> dict[str, torch.Tensor]:
    return ids(batch) | {"decoder_input_ids": torch.randint(5, 50, (batch, 6))}


def image(batch: int) -> dict[str, torch.Tensor]:
    return {"pixel_values": torch.randn(batch, 3, 32, 32)}


def wave(batch: int) -> dict[str, torch.Tensor]:
    return {"input_values": torch.randn(batch, 400)}


NETWORKS: dict[str, tuple[str, str, dict[str, Any], Inputs]] = {
    "deberta": ("DebertaModel", "DebertaConfig", DISENTANGLED, ids),
    "deberta-v2": ("DebertaV2Model", "DebertaV2Config", DISENTANGLED | {"norm_rel_ebd": "layer_norm"}, ids),
    "xlnet": (
        "XLNetModel",
        "XLNetConfig",
        {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64, "vocab_size": 50},
        ids,
    ),
    "roformer": ("RoFormerModel", "RoFormerConfig", TEXT | {"embedding_size": 32}, ids),
    "falcon": (
        "FalconForCausalLM",
        "FalconConfig",
        {k: v for k, v in TEXT.items() if k != "intermediate_size"},
        ids,
    ),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", GROUPED | {"head_dim": 8}, ids),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config", GROUPED | {"head_dim": 8}, ids),
    "mamba": (
        "MambaForCausalLM",
        "MambaConfig",
        {"hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 50, "state_size": 4},
        ids,
    ),
    "bart": ("BartModel", "BartConfig", BART, both),
    "wav2vec2": ("Wav2Vec2Model", "Wav2Vec2Config", SPEECH, wave),
    "beit": (
        "BeitForImageClassification",
        "BeitConfig",
        VISION | {"use_relative_position_bias": True},
        image,
    ),
    "swin": (
        "SwinForImageClassification",
        "SwinConfig",
        {
            "image_size": 32,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
        },
        image,
    ),
    "segformer": (
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        {
            "hidden_sizes": [16, 32],
            "depths": [1, 1],
            "num_encoder_blocks": 2,
            "sr_ratios": [2, 1],
            "patch_sizes": [7, 3],
            "strides": [4, 2],
            "num_attention_heads": [1, 2],
            "mlp_ratios": [2, 2],
            "decoder_hidden_size": 16,
        },
        image,
    ),
}


def built(name: str) -> tuple[nn.Module, Inputs]:
    model, config, settings, inputs = NETWORKS[name]
    torch.manual_seed(0)
    return getattr(transformers, model)(getattr(transformers, config)(**settings)).eval(), inputs


def floats(output: Any) -> list[Any]:
    leaves = pytree.tree_leaves(output)
    return [x for x in leaves if isinstance(x, torch.Tensor | np.ndarray) and "float" in str(x.dtype)]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_a_further_network_converts_and_runs_in_the_machine(name: str, tmp_path: Any) -> None:
    model, inputs = built(name)
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    converted = convert(model, inputs(2), Approximation.exact())
    for batch in (inputs(2), inputs(5)):
        for found, expected in zip(floats(converted(**batch)), floats(model(**batch)), strict=True):
            assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    converted.set_approximation(Approximation())
    converted.save(tmp_path / name)
    found = machine.load(tmp_path / name).run({key: value.numpy() for key, value in batch.items()})
    for values, expected in zip(floats(found), floats(converted(**batch)), strict=True):
        assert np.abs(values - expected.numpy()).max() <= 1e-4 * expected.abs().max()
