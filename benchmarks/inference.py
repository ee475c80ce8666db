"""Converted networks against their originals: time of 500 samples, and of a training step.

    python benchmarks/inference.py

BERT (4 layers, hidden 256, 64 tokens) and a ResNet with SiLU, random weights, 16 minimax segments; one
core, eager, in eval mode, timed by turns. Exits with status 1 if a bar is missed.
"""

import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts its threads

import torch
from alternating import medians
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, ResNetConfig, ResNetForImageClassification

from approx import Approximation, ConvertedModule, convert

SAMPLES, BATCH = 500, 50
INFERENCE, TRAINING, SWAP = 1.2, 1.8, 0.050  # bars: ratios to the original, seconds


def bert() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    config = BertConfig(
        vocab_size=100,
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
        max_position_embeddings=64,
        num_labels=10,
    )
    return BertForSequenceClassification(config).eval(), {"input_ids": torch.randint(0, 100, (BATCH, 64))}


def resnet() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    config = ResNetConfig(
        num_channels=3,
        embedding_size=32,
        hidden_sizes=[32, 64, 128],
        depths=[2, 2, 2],
        layer_type="basic",
        hidden_act="silu",
        num_labels=10,
    )
    return ResNetForImageClassification(config).eval(), {"pixel_values": torch.randn(BATCH, 3, 32, 32)}


def infer(module: nn.Module, inputs: dict[str, torch.Tensor]) -> None:
    with torch.inference_mode():
        for _ in range(SAMPLES // BATCH):
            module(**inputs)


def train(module: nn.Module, inputs: dict[str, torch.Tensor]) -> None:
    for _ in range(2):
        module.zero_grad()
        module(**inputs).logits.square().mean().backward()


def compare(name: str, model: nn.Module, inputs: dict[str, torch.Tensor]) -> bool:
    converted = convert(model, inputs, Approximation(16), calibration=[inputs])
    times = medians(
        {"original": lambda: infer(model, inputs), "converted": lambda: infer(converted, inputs)}, 7
    )
    inference = times["converted"] / times["original"]
    times = medians(
        {"original": lambda: train(model, inputs), "converted": lambda: train(converted, inputs)}, 5
    )
    training = times["converted"] / times["original"]
    print(
        f"{name}: inference {inference:.2f} (bar {INFERENCE}), training step {training:.2f} (bar {TRAINING})"
    )
    return swap(name, converted) & (inference <= INFERENCE) & (training <= TRAINING)


def swap(name: str, converted: ConvertedModule) -> bool:
    """Time of changing every table to one fitted before."""
    a, b = Approximation(16), Approximation(8)
    converted.set_approximation(b)
    start = time.perf_counter()
    for _ in range(10):
        converted.set_approximation(a)
        converted.set_approximation(b)
    seconds = (time.perf_counter() - start) / 20
    print(f"{name}: set_approximation, tables fitted before, {seconds * 1e3:.1f} ms (bar {SWAP * 1e3:.0f})")
    return seconds <= SWAP


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    results = [compare("bert", *bert()), compare("resnet", *resnet())]
    sys.exit(not all(results))
