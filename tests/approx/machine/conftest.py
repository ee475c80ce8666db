"""Small networks, converted and saved once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from approx.network import Approximation, ConvertedModule, convert
from approx.network.saving import save

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
TEXT = {"vocab_size": 17, "max_position_embeddings": 12, "pad_token_id": 0, **SMALL}
IMAGE = {"num_channels": 1, "num_labels": 5}


def tokens() -> dict[str, torch.Tensor]:
    mask = torch.ones(3, 10, dtype=torch.int64)
    mask[1, 6:] = 0
    return {"input_ids": torch.randint(1, 17, (3, 10)), "attention_mask": mask}


def ids() -> dict[str, torch.Tensor]:
    return {"input_ids": torch.randint(1, 17, (3, 10))}


def images(size: int) -> dict[str, torch.Tensor]:
    return {"pixel_values": torch.randn(3, 1, size, size)}


def from_config(model: str, config: str, **fields: Any) -> nn.Module:
    import transformers

    made: nn.Module = getattr(transformers, model)(getattr(transformers, config)(**fields))
    for module in made.modules():  # statistics as after training; initial ones let deep networks vanish
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.01, 0.02)
    return made


class Recurrent(nn.Module):
    """A recurrent network with a classifier on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(4, 6, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y, _ = self.cell(x)
        logits = self.head(y[:, -1])
        return logits, logits.argmax(-1)


NETWORKS: dict[str, Callable[[], tuple[nn.Module, Any]]] = {
    "bert": lambda: (
        from_config("BertForSequenceClassification", "BertConfig", initializer_range=0.3, **TEXT),
        tokens(),
    ),
    "roberta": lambda: (
        from_config("RobertaForSequenceClassification", "RobertaConfig", **TEXT),
        ids(),
    ),
    "gpt2": lambda: (
        from_config(
            "GPT2LMHeadModel",
            "GPT2Config",
            vocab_size=17,
            n_embd=16,
            n_layer=1,
            n_head=2,
            n_positions=12,
            bos_token_id=1,
            eos_token_id=1,
        ),
        tokens(),
    ),
    "llama": lambda: (
        from_config("LlamaForCausalLM", "LlamaConfig", num_key_value_heads=1, **TEXT),
        ids(),
    ),
    "t5": lambda: (
        from_config(
            "T5EncoderModel",
            "T5Config",
            vocab_size=17,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=1,
            num_heads=2,
        ),
        ids(),
    ),
    "vit": lambda: (
        from_config("ViTForImageClassification", "ViTConfig", image_size=8, patch_size=4, **IMAGE, **SMALL),
        images(8),
    ),
    "resnet": lambda: (
        from_config(
            "ResNetForImageClassification",
            "ResNetConfig",
            embedding_size=8,
            hidden_sizes=[8, 16],
            depths=[1, 1],
            layer_type="basic",
            hidden_act="silu",
            **IMAGE,
        ),
        images(16),
    ),
    "convnext": lambda: (
        from_config(
            "ConvNextForImageClassification",
            "ConvNextConfig",
            hidden_sizes=[8, 8, 8, 8],
            depths=[1, 1, 1, 1],
            **IMAGE,
        ),
        images(32),
    ),
    "mobilenet": lambda: (
        from_config("MobileNetV2ForImageClassification", "MobileNetV2Config", depth_multiplier=0.35, **IMAGE),
        images(32),
    ),
    "lstm": lambda: (Recurrent(), (torch.randn(3, 4, 4),)),
}


@dataclass(frozen=True)
class Saved:
    """A converted network, its inputs by name, and the file that it was saved to."""

    converted: ConvertedModule
    inputs: dict[str, torch.Tensor]
    path: Path

    def outputs(self) -> Any:
        with torch.no_grad():
            if self.converted.program.positional:
                return self.converted(*self.inputs.values())
            return self.converted(**self.inputs)


def make(name: str, folder: Path) -> Saved:
    torch.manual_seed(0)
    model, inputs = NETWORKS[name]()
    approximation = Approximation(segments=8, placement="uniform", bias="none")
    converted = convert(model.eval(), inputs, approximation, calibration=[inputs])
    path = folder / f"{name}.safetensors"
    save(converted, path)
    named = inputs if isinstance(inputs, dict) else dict(zip(converted.program.inputs, inputs, strict=True))
    return Saved(converted, named, path)


@pytest.fixture(scope="session", params=NETWORKS)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return make(request.param, tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def saved_lstm(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return make("lstm", tmp_path_factory.mktemp("programs"))
