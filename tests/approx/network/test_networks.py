"""Every family of networks: converted under the true functions, it is the original, for any batch size."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from accel_models import Gemm
from approx.network import Approximation, MatrixProgram, convert

Network = tuple[nn.Module, dict[str, Any] | tuple[Any, ...]]
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 50,
}
VISION = {**{k: v for k, v in SMALL.items() if k != "vocab_size"}, "image_size": 32, "patch_size": 8}
AVERAGES = ("mean", "sum", "avg_pool")


def tokens(padding: str = "none") -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 50, (3, 12))
    mask = torch.ones_like(ids)
    if padding == "none":
        return {"input_ids": ids}
    mask[0, :4] = 0
    return {"input_ids": ids, "attention_mask": mask if padding == "left" else mask.flip(1)}


def image() -> dict[str, torch.Tensor]:
    return {"pixel_values": torch.randn(3, 3, 32, 32)}


def transformers_model(name: str, config: str, **settings: Any) -> nn.Module:
    import transformers

    return getattr(transformers, name)(getattr(transformers, config)(**settings))


def bert(name: str, config: str, padding: str = "right", **settings: Any) -> Callable[[str], Network]:
    def build(attention: str) -> Network:
        model = transformers_model(name, config, **SMALL, attn_implementation=attention, **settings)
        return model, tokens(padding)

    return build


def gpt2(attention: str) -> Network:
    settings = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 50, "n_positions": 32}
    model = transformers_model("GPT2LMHeadModel", "GPT2Config", **settings, attn_implementation=attention)
    return model, tokens()


def distilbert(attention: str) -> Network:
    settings = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "vocab_size": 50}
    name = "DistilBertForSequenceClassification"
    model = transformers_model(name, "DistilBertConfig", **settings, attn_implementation=attention)
    return model, tokens("right")


def vit(attention: str) -> Network:
    model = transformers_model(
        "ViTForImageClassification", "ViTConfig", **VISION, attn_implementation=attention
    )
    return model, image()


ATTENTIVE = {
    "bert": bert("BertModel", "BertConfig"),
    "vit": vit,
    "gpt2": gpt2,
    "llama": bert("LlamaForCausalLM", "LlamaConfig", "left", num_key_value_heads=2),
}
MORE_ATTENTIVE = {
    "roberta": bert("RobertaForSequenceClassification", "RobertaConfig", max_position_embeddings=40),
    "distilbert": distilbert,
    "bert without padding": bert("BertForMaskedLM", "BertConfig", "none"),
    "albert": bert("AlbertModel", "AlbertConfig", embedding_size=16),
    "electra": bert("ElectraModel", "ElectraConfig", embedding_size=16),
    "mistral": bert("MistralForCausalLM", "MistralConfig", num_key_value_heads=2, sliding_window=4),
    "gemma": bert("GemmaForCausalLM", "GemmaConfig", num_key_value_heads=2, head_dim=8),
    "qwen2": bert("Qwen2ForCausalLM", "Qwen2Config", "none", num_key_value_heads=2),
    "phi": bert("PhiForCausalLM", "PhiConfig"),
    "neox": bert("GPTNeoXForCausalLM", "GPTNeoXConfig"),
    "clip text": bert("CLIPTextModel", "CLIPTextConfig"),
}


def t5(name: str) -> Callable[[], Network]:
    def build() -> Network:
        settings = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 50}
        inputs = tokens("right")
        if name == "T5Model":
            inputs["decoder_input_ids"] = inputs["input_ids"][:, :6]
        return transformers_model(name, "T5Config", **settings), inputs

    return build


def vision(name: str, **settings: Any) -> Callable[[], Network]:
    return lambda: (
        transformers_model(f"{name}ForImageClassification", f"{name}Config", **settings),
        image(),
    )


class Recurrent(nn.Module):
    def __init__(self, layer: type[nn.RNNBase], **settings: Any) -> None:
        super().__init__()
        self.layer = layer(8, 16, batch_first=True, **settings)
        self.head = nn.LazyLinear(4)
        self(torch.zeros(1, 2, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x)[0][:, -1])


def recurrent(layer: type[nn.RNNBase], **settings: Any) -> Callable[[], Network]:
    return lambda: (Recurrent(layer, **settings), (torch.randn(3, 5, 8),))


class Cells(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.gru, self.rnn = nn.LSTMCell(8, 16), nn.GRUCell(16, 16), nn.RNNCell(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = c = g = r = x.new_zeros(x.shape[0], 16)
        for t in range(x.shape[1]):
            h, c = self.lstm(x[:, t], (h, c))
            g = self.gru(h, g)
            r = self.rnn(g, r)
        return r


class GraphConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        degrees = adjacency.sum(-1).clamp(min=1).rsqrt()
        normal = adjacency * degrees[..., :, None] * degrees[..., None, :]
        return torch.log_softmax(normal @ self.second(torch.relu(normal @ self.first(x))), -1)


def graphs() -> Network:
    return GraphConvolution(), (torch.randn(3, 6, 8), (torch.rand(3, 6, 6) > 0.5).float())


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.InstanceNorm2d(8, affine=True), nn.LeakyReLU(0.1, True)
        )
        self.middle = nn.Sequential(
            nn.Conv2d(8, 16, 3, padding="same", padding_mode="reflect"), nn.BatchNorm2d(16), nn.ReLU(True)
        )
        self.up = nn.Sequential(nn.ConvTranspose2d(16, 8, 4, 2, 1, groups=2), nn.BatchNorm2d(8), nn.PReLU(8))
        self.resize = nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        small = self.down(x)
        up = self.up(self.middle(small))
        scores = torch.cat([up, self.resize(small)], 1)
        return {"mask": torch.sigmoid(scores), "class": [scores.argmax(1), (F.adaptive_max_pool2d(up, 3),)]}


OTHERS: dict[str, Callable[[], Network]] = {
    "t5": t5("T5Model"),
    "resnet-50": vision("ResNet", embedding_size=8, hidden_sizes=[16, 32], depths=[1, 2]),
    "mobilenet v2": vision("MobileNetV2", image_size=32, depth_multiplier=0.35),
    "convnext": vision("ConvNext", hidden_sizes=[8, 16, 32, 64], depths=[1, 1, 1, 1]),
    "lstm": recurrent(nn.LSTM, num_layers=2, bidirectional=True),
    "gru": recurrent(nn.GRU, bias=False),
    "rnn": recurrent(nn.RNN, nonlinearity="relu"),
    "cells": lambda: (Cells(), (torch.randn(3, 5, 8),)),
    "graph convolution": graphs,
    "u-net": lambda: (UNet(), (torch.randn(3, 3, 8, 8),)),
}
MORE: dict[str, Callable[[], Network]] = {
    "swin": vision(
        "Swin", image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4
    ),
    "t5 encoder": t5("T5EncoderModel"),
    "regnet": vision(
        "RegNet", embedding_size=8, hidden_sizes=[8, 16, 16, 16], depths=[1] * 4, groups_width=8
    ),
    "poolformer": vision("PoolFormer", hidden_sizes=[8, 16, 16, 16], depths=[1] * 4),
    "swin v2": vision(
        "Swinv2", image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4
    ),
    "transformer": lambda: (
        nn.Transformer(16, 4, 1, 1, 32, batch_first=True),
        (torch.randn(3, 5, 16), torch.randn(3, 4, 16)),
    ),
}


def check(network: Network) -> tuple[nn.Module, Any, MatrixProgram]:
    """The converted network against the original, at the example's batch and at twice that."""
    model, inputs = network
    for module in model.modules():  # a converted network returns no cache
        if hasattr(module, "config"):
            module.config.use_cache = False
    _spread(model.eval())
    converted = convert(model, inputs, Approximation.exact())
    for batch in (inputs, pytree.tree_map(lambda x: torch.cat([x.flip(0), x]), inputs)):
        args, kwargs = (batch, {}) if isinstance(batch, tuple) else ((), batch)
        with torch.no_grad():
            expected, got = model(*args, **kwargs), converted(*args, **kwargs)
        assert type(got) is type(expected)
        pairs = zip(pytree.tree_leaves(expected), pytree.tree_leaves(got), strict=True)
        for wanted, value in pairs:
            assert value.shape == wanted.shape
            assert (value - wanted).norm() <= 1e-5 * wanted.norm() if wanted.is_floating_point() else True
    return model, inputs, converted.program


def _spread(model: nn.Module) -> None:
    """Weights and statistics of a size at which every layer matters, as after training."""
    torch.manual_seed(1)
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if not value.is_floating_point():
            continue
        if "running_var" in name:
            nn.init.uniform_(value, 0.5, 2.0)
        elif "running_mean" in name or "bias" in name:
            nn.init.uniform_(value, -0.5, 0.5)
        elif value.dim() >= 2 and isinstance(value, nn.Parameter):
            nn.init.normal_(value, 0, 1.4 / value[0].numel() ** 0.5)


def macs(program: MatrixProgram, batch: int) -> int:
    """Multiply-accumulates of linear layers, convolutions and attention."""
    products = [op for op in program.workload(batch).operations if isinstance(op, Gemm)]
    return sum(op.macs for op in products if not op.name.split(".")[-1].startswith(AVERAGES))


def counted(model: nn.Module, inputs: Any) -> int:
    """Multiply-accumulates as torch counts them."""
    args, kwargs = (inputs, {}) if isinstance(inputs, tuple) else ((), inputs)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*args, **kwargs)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("family", ATTENTIVE)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_networks(family: str, attention: str) -> None:
    model, inputs, program = check(ATTENTIVE[family](attention))
    if attention == "eager":  # torch's counter does not see the fused attention of the CPU
        assert macs(program, 3) == counted(model, inputs)


@pytest.mark.parametrize("family", OTHERS)
def test_other_networks(family: str) -> None:
    model, inputs, program = check(OTHERS[family]())
    if family in ("resnet-50", "mobilenet v2", "convnext", "graph convolution"):
        assert macs(program, 3) == counted(model, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("family", MORE_ATTENTIVE)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_more_attention_networks(family: str, attention: str) -> None:
    check(MORE_ATTENTIVE[family](attention))


@pytest.mark.slow
@pytest.mark.parametrize("family", MORE)
def test_more_networks(family: str) -> None:
    check(MORE[family]())


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_other_types_of_words(kind: torch.dtype) -> None:
    model = UNet().eval().to(kind)
    x = torch.randn(3, 3, 8, 8).to(kind)
    converted = convert(model, (x,), Approximation.exact())
    got, expected = converted(x)["mask"], model(x)["mask"]
    assert got.dtype is kind
    assert (got - expected).norm() <= torch.finfo(kind).eps * 10 * expected.norm()


@pytest.mark.parametrize(
    ("name", "gigamacs"),
    [
        ("ResNetForImageClassification", 4.09),
        ("BertModel", 11.18),
    ],
)
def test_full_size_networks_need_no_weights(name: str, gigamacs: float) -> None:
    from approx.network import trace

    config = {"ResNetForImageClassification": "ResNetConfig", "BertModel": "BertConfig"}[name]
    with torch.device("meta"):
        model = transformers_model(name, config).eval()
        inputs = (
            {"pixel_values": torch.empty(2, 3, 224, 224)}
            if "ResNet" in name
            else {"input_ids": torch.zeros(2, 128, dtype=torch.long)}
        )
    program = trace(model, inputs)
    assert all(p.is_meta for p in program.graph_module.parameters())
    assert macs(program, 1) == pytest.approx(gigamacs * 1e9, rel=0.01)
