"""What a model writes: buffers and inputs have their new values after a call, and a cache is a container."""

import copy
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils import _pytree as pytree

from approx import machine
from approx.network import Approximation, ConvertedModule, Numerics, convert, load, trace
from approx.network.call import Arguments

transformers = pytest.importorskip("transformers")


class Counted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.count.add_(1)


class Step(nn.Module):
    """One step of attention over keys and values in buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(8, 24)
        self.register_buffer("k", torch.zeros(2, 6, 8))
        self.register_buffer("v", torch.zeros(2, 6, 8))

    def forward(self, x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        q, k, v = self.q(x).chunk(3, -1)
        self.k[:, at], self.v[:, at] = k, v
        return F.scaled_dot_product_attention(q, self.k, self.v, attn_mask=(torch.arange(6) <= at)[None])


def steps(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    x = torch.randn(count, 2, 1, 8, generator=torch.Generator().manual_seed(0))
    return [(x[i], torch.tensor([i])) for i in range(count)]


def test_a_buffer_is_carried_from_call_to_call() -> None:
    model = Counted()
    converted = convert(model, (torch.ones(2, 3),), Approximation.exact())
    assert [converted(torch.ones(1, 3))[0, 0].item() for _ in range(3)] == [1.0, 2.0, 3.0]
    assert model.count.item() == 0
    assert converted.states()["count"].item() == 3


@pytest.mark.parametrize("data", ["fp32", "int16", "int8"])
def test_a_cache_in_buffers_steps_as_the_models_does(data: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Step().eval()
    fresh, tolerance = copy.deepcopy(model), {"fp32": 1e-2, "int16": 2e-2, "int8": 0.15}[data]
    converted = convert(model, steps(1)[0], Approximation(32))
    with torch.no_grad():
        converted.calibrate(steps(6))
        converted.set_numerics(Numerics(data))
        for name in ("k", "v"):
            converted.states()[name].zero_()
        converted.save(tmp_path / "saved")
        loaded, program = load(tmp_path / "saved"), machine.load(tmp_path / "saved")
        for x, at in steps(6):
            got, want = converted(x, at), fresh(x, at)
            assert float((got - want).abs().max() / want.abs().max()) <= tolerance
            assert torch.equal(loaded(x, at), got)
            ran = program.run({"x": x.numpy(), "at": at.numpy()})
            if data == "fp32":
                np.testing.assert_allclose(ran, got.numpy(), atol=1e-5)
            else:
                np.testing.assert_array_equal(ran, got.numpy())
    torch.testing.assert_close(
        torch.from_numpy(program.state["k"]), converted.states()["k"], atol=1e-5, rtol=1e-5
    )
    assert program.state["k"].any(axis=(0, 2)).all()


class Written(nn.Module):
    def forward(self, x: torch.Tensor, cache: dict[str, torch.Tensor]) -> torch.Tensor:
        cache["k"][:, 1:2] = x
        return cache["k"].sum(1)


def test_an_input_that_the_model_writes_is_written(tmp_path: Path) -> None:
    x, cache = torch.randn(2, 1, 3), {"k": torch.zeros(2, 4, 3)}
    converted = convert(Written(), (x, cache), Approximation.exact())
    converted.save(tmp_path / "saved")
    for run in (converted, load(tmp_path / "saved")):
        given = {"k": torch.ones(2, 4, 3)}
        wanted = {"k": torch.ones(2, 4, 3)}
        torch.testing.assert_close(run(x, given), Written()(x, wanted))
        torch.testing.assert_close(given["k"], wanted["k"])
    array = np.ones((2, 4, 3), np.float32)
    machine.load(tmp_path / "saved").run({"x": x.numpy(), "cache": {"k": array}})
    np.testing.assert_array_equal(array, wanted["k"].numpy())


# Caches of transformers


def ids(*size: int) -> torch.Tensor:
    return torch.randint(0, 50, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def llama() -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=50,
    )
    return transformers.LlamaForCausalLM(config).eval()


def filled(model: Any, cache: Any, batch: int = 2, length: int = 5) -> Any:
    with torch.no_grad():
        model(ids(batch, length), past_key_values=cache, use_cache=True)
    return cache


def tensors(model: nn.Module, inputs: Any) -> tuple[torch.Tensor, ...]:
    return Arguments.of(inspect.signature(model.forward), inputs).tensors


def leaves(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


CACHES = {
    "prefill": lambda m: {"input_ids": ids(2, 6), "use_cache": True},
    "decode, dynamic": lambda m: {
        "input_ids": ids(2, 1),
        "past_key_values": filled(m, transformers.DynamicCache(config=m.config)),
    },
    "decode, static": lambda m: {
        "input_ids": ids(2, 1),
        "past_key_values": filled(m, transformers.StaticCache(config=m.config, max_cache_len=16)),
    },
}


@pytest.mark.parametrize("case", CACHES)
def test_prefill_and_a_step_with_a_cache(case: str, llama: Any, tmp_path: Path) -> None:
    make = CACHES[case]
    converted = convert(llama, make(llama), Approximation.exact(), calibration=[make(llama)])
    with torch.no_grad():
        given, wanted = make(llama), make(llama)
        got, want = converted(**given), llama(**wanted)
        assert type(got) is type(want)
        assert type(got.past_key_values) is type(want.past_key_values)
        assert got.past_key_values.get_seq_length() == want.past_key_values.get_seq_length()
        torch.testing.assert_close(leaves(got), leaves(want), rtol=1e-4, atol=1e-5)
        if "static" in case:  # the cache that was given is the one that is written
            torch.testing.assert_close(tensors(llama, given), tensors(llama, wanted))
        in_integers(converted, make, llama, tmp_path / "saved")
    assert converted.workload(8).batch == 8


def in_integers(converted: ConvertedModule, make: Any, model: Any, path: Path) -> None:
    converted.set_approximation(Approximation(32), Numerics("int8"))
    got, want = converted(**make(model)), model(**make(model))
    assert (got.logits - want.logits).abs().max() <= 0.15 * want.logits.abs().max()
    converted.save(path)
    assert all(map(torch.equal, leaves(load(path)(**make(model))), leaves(got)))


def test_a_cache_of_another_length_is_refused(llama: Any) -> None:
    make = CACHES["decode, dynamic"]
    converted = convert(llama, make(llama), Approximation.exact())
    longer = filled(llama, transformers.DynamicCache(config=llama.config), length=6)
    with pytest.raises(ValueError, match=r"past_key_values.layers\[0\].keys.shape\[2\] = 6: must be 5"):
        converted(ids(2, 1), past_key_values=longer)
    with pytest.raises(ValueError, match="past_key_values: its containers must be those"):
        converted(
            ids(2, 1), past_key_values=filled(llama, transformers.StaticCache(llama.config, max_cache_len=8))
        )


def test_a_decode_step_needs_no_weights(llama: Any) -> None:
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(llama.config).eval()
        cache = transformers.DynamicCache(config=llama.config)
        for layer in range(2):
            cache.update(torch.empty(1, 2, 32, 8), torch.empty(1, 2, 32, 8), layer)
        program = trace(model, {"input_ids": torch.zeros(1, 1, dtype=torch.int64), "past_key_values": cache})
    assert {op.n for op in program.workload(3).operations if getattr(op, "count", 1) == 3 * 4} == {33, 8}
