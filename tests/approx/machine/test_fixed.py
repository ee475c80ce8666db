"""Bit for bit: the machine in integers gives what torch emulates, on networks of every kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from approx.machine import load
from approx.machine.integer import IntegerUnits
from approx.machine.words import Words
from approx.network import Approximation, Numerics, convert
from approx.tasks.digits import Digits
from approx.tasks.training import Recipe

WIDTHS = [Numerics("int8"), Numerics("int16"), Numerics("int6", elementwise=10, table=9)]


def both(converted: Any, inputs: dict[str, torch.Tensor], path: Path) -> tuple[list[Any], list[Any]]:
    converted.save(path)
    program = load(path)
    given = {name: value.numpy() for name, value in inputs.items()}
    with torch.no_grad():
        out = converted(*inputs.values()) if converted.program.positional else converted(**inputs)
    ours = [leaf.numpy() for leaf in pytree.tree_leaves(out) if isinstance(leaf, torch.Tensor)]
    return ours, pytree.tree_leaves(program.run(given))


@pytest.mark.parametrize("numerics", WIDTHS, ids=lambda n: n.label)
def test_the_machine_equals_the_emulation_bit_for_bit(saved: Any, numerics: Numerics, tmp_path: Path) -> None:
    converted = saved.converted
    try:
        converted.set_numerics(numerics)
        emulated, machine = both(converted, saved.inputs, tmp_path / "fixed.safetensors")
    finally:
        converted.set_numerics(Numerics())
    assert len(emulated) == len(machine)
    for a, b in zip(emulated, machine, strict=True):
        assert a.astype(np.float32).tobytes() == b.astype(np.float32).tobytes()
    assert len(np.unique(emulated[0])) > 1


@pytest.mark.parametrize("family", ["bert", "roberta", "resnet"])
def test_the_digits_networks_bit_for_bit(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(tmp_path))
    recipe = Recipe(2, 64, 4e-3, 0.1, 0.05, 0.05, 0.5, 0.9)
    task = Digits(family, recipe=recipe)
    batches = [batch.inputs for batch in task.calibration_batches()]
    converted = convert(task.model(), batches[0], Approximation(16), calibration=batches[:2])
    inputs = {name: value[:6] for name, value in dict(task.test_batches()[0].inputs).items()}
    for numerics in WIDTHS[:2]:
        converted.set_numerics(numerics)
        emulated, machine = both(converted, inputs, tmp_path / "digits.safetensors")
        assert emulated[0].tobytes() == machine[0].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "roberta", "resnet"])
def test_all_test_images_of_the_digits_networks_bit_for_bit(family: str, tmp_path: Path) -> None:
    """The networks as they are trained, from the cache folder, on 540 images."""
    task = Digits(family)
    batches = [batch.inputs for batch in task.calibration_batches()]
    converted = convert(task.model(), batches[0], Approximation(16), calibration=batches)
    for numerics in WIDTHS[:2]:
        converted.set_numerics(numerics)
        for batch in task.test_batches():
            emulated, machine = both(converted, dict(batch.inputs), tmp_path / "digits.safetensors")
            assert emulated[0].tobytes() == machine[0].tobytes()


def test_a_sum_that_overflows_is_reported() -> None:
    unit = IntegerUnits(16)
    assert int(np.asarray(unit.product(np.full((1, 2), 127), np.full((2, 1), 127)))[0, 0]) == 2 * 127**2
    with pytest.raises(ValueError, match="a partial sum overflows the accumulators' 16 bits"):
        unit.product(np.full((1, 3), 127), np.full((3, 1), 127))


def test_integer_units_refuse_floats_and_their_words_refuse_arithmetic() -> None:
    unit = IntegerUnits(32)
    with pytest.raises(TypeError, match="float64 among integer words"):
        unit.add(np.array([1.0]), np.array([1]))
    words = unit.add(np.array([1, 2]), np.array([3, 4]))
    assert isinstance(words, Words)
    with pytest.raises(TypeError, match="on float words"):
        words + 1
    assert isinstance(np.concatenate([words, words]), Words)


def test_half_precision_does_not_run_here(saved_lstm: Any, tmp_path: Path) -> None:
    saved_lstm.converted.set_numerics(Numerics("bf16"))
    saved_lstm.converted.save(tmp_path / "half.safetensors")
    saved_lstm.converted.set_numerics(Numerics())
    with pytest.raises(ValueError, match="data = bf16: must be fp32 or fixed point to run here"):
        load(tmp_path / "half.safetensors")
