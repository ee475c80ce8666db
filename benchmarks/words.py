"""Time of a score in fixed point over that in float32, on this CPU's widest instructions and on AVX2.

    python benchmarks/words.py [NAME ...]

Random weights, 16 minimax segments, one core; the least CPU time of 15 turns. To see a CPU without AVX-512,
build the extension without it and tell torch:

    CFLAGS=-DWITHOUT_AVX512 python setup.py build_ext --inplace --force
    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 python benchmarks/words.py

Exits with status 1 if a ratio is above the bar.
"""

import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts its threads

import torch
import transformers
from torch import nn

from approx import Approximation, Numerics, convert
from approx.network.fixed import native

BAR, TURNS = 2.0, 15


def bert() -> tuple[nn.Module, dict[str, Any]]:
    sizes = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
    config = transformers.BertConfig(vocab_size=100, max_position_embeddings=64, num_labels=10, **sizes)
    return transformers.BertForSequenceClassification(config), {"input_ids": torch.randint(0, 100, (8, 64))}


def squeezebert() -> tuple[nn.Module, dict[str, Any]]:
    sizes = {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 1024}
    config = transformers.SqueezeBertConfig(vocab_size=100, embedding_size=256, num_labels=4, **sizes)
    model = transformers.SqueezeBertForSequenceClassification(config)
    return model, {"input_ids": torch.randint(0, 100, (8, 64))}


def resnet() -> tuple[nn.Module, dict[str, Any]]:
    shape = {"embedding_size": 32, "hidden_sizes": [32, 64, 128], "depths": [2, 2, 2], "layer_type": "basic"}
    config = transformers.ResNetConfig(num_channels=3, hidden_act="silu", num_labels=10, **shape)
    return transformers.ResNetForImageClassification(config), {"pixel_values": torch.randn(16, 3, 32, 32)}


def mobilenet() -> tuple[nn.Module, dict[str, Any]]:
    config = transformers.MobileNetV2Config(num_labels=10, depth_multiplier=0.5)
    return transformers.MobileNetV2ForImageClassification(config), {"pixel_values": torch.randn(8, 3, 96, 96)}


def convnext() -> tuple[nn.Module, dict[str, Any]]:
    config = transformers.ConvNextConfig(hidden_sizes=[32, 64, 128, 256], depths=[1, 1, 2, 1], num_labels=10)
    return transformers.ConvNextForImageClassification(config), {"pixel_values": torch.randn(8, 3, 64, 64)}


def speech() -> tuple[nn.Module, dict[str, Any]]:
    """The first layers of a speech encoder, and a grouped convolution."""
    layers = [nn.Conv1d(1, 64, 10, stride=5), nn.GroupNorm(64, 64), nn.GELU()]
    layers += [
        nn.Conv1d(64, 64, 3, stride=2),
        nn.GELU(),
        nn.Conv1d(64, 64, 3, padding=1, groups=16),
        nn.GELU(),
    ]
    return nn.Sequential(*layers, nn.Conv1d(64, 128, 3, stride=2), nn.GELU()), {
        "input": torch.randn(8, 1, 8000)
    }


def resnext() -> tuple[nn.Module, dict[str, Any]]:
    def block(n: int) -> list[nn.Module]:
        layers = [nn.Conv2d(n, n, 1), nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, n, 3, padding=1, groups=32)]
        return [*layers, nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, n, 1), nn.BatchNorm2d(n), nn.SiLU()]

    model = nn.Sequential(nn.Conv2d(3, 128, 3, padding=1, stride=2), *block(128), *block(128))
    return model, {"input": torch.randn(8, 3, 32, 32)}


NETWORKS: dict[str, Callable[[], tuple[nn.Module, dict[str, Any]]]] = {
    make.__name__: make for make in (bert, squeezebert, resnet, mobilenet, convnext, speech, resnext)
}


def ratios(name: str) -> dict[str, float]:
    """CPU time of each number format and instruction set over float32's."""
    torch.manual_seed(0)
    model, inputs = NETWORKS[name]()
    converted = convert(model.eval(), inputs, Approximation(16), calibration=[inputs])
    modules = {}
    for data in ("fp32", "int8", "int16"):
        converted.set_numerics(Numerics(data))
        modules[data] = converted.graph_module
        converted(**inputs)
    ways = [way for way in ("avx512", "avx2") if native._words.multiplies(way)]
    runs = [("fp32", "")] + [(data, way) for data in ("int8", "int16") for way in ways]
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(TURNS):
        for data, way in runs:
            native.INSTRUCTIONS, converted.graph_module = way or "best", modules[data]
            begun = time.process_time()
            converted(**inputs)
            least[data, way] = min(least[data, way], time.process_time() - begun)
    return {f"{data} {way}": least[data, way] / least["fp32", ""] for data, way in runs[1:]}


def main(names: list[str]) -> int:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    worst = 0.0
    with torch.inference_mode():
        for name in names or NETWORKS:
            found = ratios(name)
            worst = max(worst, *found.values())
            print(f"{name:12} " + "  ".join(f"{way} {ratio:.2f}" for way, ratio in found.items()), flush=True)
    print(f"worst {worst:.2f} (bar {BAR})")
    return int(worst > BAR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
