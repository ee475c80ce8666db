"""What every way of running a network in fixed point must hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from approx import machine
from approx.network import Approximation, ConvertedModule, Numerics, convert
from approx.network.fixed import native

Inputs = tuple[Tensor, ...]
LIMITS = {"exact": 1e-4, "32": 1e-2, "int16": 2e-2, "int8": 0.15}


def error(got: Tensor, wanted: Tensor) -> float:
    return float((got.double() - wanted.double()).abs().max() / wanted.double().abs().max())


def in_the_machine(converted: ConvertedModule, inputs: Inputs, folder: Path) -> list[np.ndarray[Any, Any]]:
    converted.save(folder / "case.nm")
    program = machine.load(folder / "case.nm")
    result = program.run({n: _array(v) for n, v in zip(program.inputs, inputs, strict=True)})
    return [np.asarray(leaf, np.float64) for leaf in pytree.tree_leaves(result)]


def _array(value: Tensor) -> np.ndarray[Any, Any]:
    return (value.float() if value.dtype is torch.bfloat16 else value).numpy()


@pytest.fixture
def same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[ConvertedModule, Inputs], Tensor]:
    """Runs a network natively, by either instruction set, by torch alone and in the machine: one result."""

    def check(converted: ConvertedModule, inputs: Inputs) -> Tensor:
        def run() -> list[Tensor]:
            with torch.no_grad():
                return [t for t in pytree.tree_leaves(converted(*inputs)) if isinstance(t, Tensor)]

        results = run()
        with monkeypatch.context() as changed:
            if native.MULTIPLIES:
                changed.setattr(native, "INSTRUCTIONS", "avx2")
                assert all(map(torch.equal, run(), results)), "AVX2 differs"
            changed.setattr(native, "MULTIPLIES", False)
            assert all(map(torch.equal, run(), results)), "products by torch differ"
            changed.setattr(native, "AVAILABLE", False)
            assert all(map(torch.equal, run(), results)), "torch differs"
        for ours, theirs in zip(results, in_the_machine(converted, inputs, tmp_path), strict=True):
            assert np.array_equal(ours.double().numpy().ravel(), theirs.ravel()), "the machine differs"
        return results[0]

    return check


@pytest.fixture
def agrees(same_bits: Callable[[ConvertedModule, Inputs], Tensor]) -> Callable[..., ConvertedModule]:
    """Holds a network, exact, with 32 segments, in int16 and in int8, to the limits, in every way alike."""

    def check(
        network: nn.Module, inputs: Inputs, others: Inputs | None = None, **limits: float
    ) -> ConvertedModule:
        others, allowed = others or inputs, LIMITS | limits
        with torch.no_grad():
            wanted = network.eval()(*others)
            converted = convert(network, inputs, Approximation.exact(), calibration=[inputs])
            assert error(converted(*others), wanted) <= allowed["exact"]
            converted.set_approximation(Approximation(segments=32))
            assert error(converted(*others), wanted) <= allowed["32"]
        for data in ("int16", "int8"):
            converted.set_numerics(Numerics(data))
            found = error(same_bits(converted, others), wanted)
            assert found <= allowed[data], f"{data} is {found:.1e} off"
        return converted

    return check
