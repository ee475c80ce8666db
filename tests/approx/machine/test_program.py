import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from accel_models import Gemm, Lookup
from approx import machine
from approx.machine.file import metadata, read, write
from approx.network import Approximation
from approx.network.saving import save

ROOT = Path(__file__).parents[3]


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list | tuple) else [value]


def arrays(inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: x.numpy() for name, x in inputs.items()}


def test_the_machine_reproduces_the_converted_network(saved: Any) -> None:
    program = machine.load(saved.path)
    got = leaves(program.run(arrays(saved.inputs)))
    expected = leaves(saved.outputs())
    assert len(got) == len(expected)
    for have, want in zip(got, expected, strict=True):
        assert want.dtype is not torch.float32 or have.dtype == np.float32
        assert type(have) is np.ndarray
        np.testing.assert_allclose(have, want.numpy(), atol=1e-4, rtol=1e-4)
    assert max(np.abs(leaf).max() for leaf in got) > 1e-3  # a network that has vanished proves nothing


def test_the_machine_works_as_much_as_the_workload_says(saved: Any) -> None:
    program = machine.load(saved.path)
    program.run(arrays(saved.inputs))
    counts = program.counts()
    workload = saved.converted.workload(batch=3).operations
    products = sum(op.m * op.n * op.k * op.count for op in workload if isinstance(op, Gemm))
    assert counts["gemm"].elements == products
    assert counts["lookup"].elements == sum(op.elements for op in workload if isinstance(op, Lookup))
    instructions = {kind: count.instructions for kind, count in counts.items()}
    assert instructions == saved.converted.program.certificate().counts


def test_another_batch_size_runs(saved_lstm: Any) -> None:
    x = torch.randn(5, 4, 4)
    got = machine.load(saved_lstm.path).run({"x": x.numpy()})
    with torch.no_grad():
        expected = saved_lstm.converted(x)
    np.testing.assert_allclose(got[0], expected[0].numpy(), atol=1e-5)
    np.testing.assert_array_equal(got[1], expected[1].numpy())


def test_no_torch_is_needed(saved_lstm: Any) -> None:
    code = (
        "import sys, numpy, approx.machine as m\n"
        f"logits, _ = m.load({str(saved_lstm.path)!r}).run({{'x': numpy.zeros((2, 4, 4))}})\n"
        "assert logits.shape == (2, 3)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0  # noqa: S603 - our own code


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "must be x"),
        ({"x": np.zeros((2, 4, 4)), "y": np.zeros(3)}, "must be x"),
        ({"x": np.zeros((2, 4))}, r"^x has shape \(2, 4\): must be \(batch, 4, 4\)"),
        ({"x": np.zeros((2, 5, 4))}, r"^x\.shape\[1\] = 5: must be 4, as the program was traced"),
    ],
)
def test_other_inputs_are_refused(saved_lstm: Any, inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        machine.load(saved_lstm.path).run(inputs)


def test_a_network_with_true_functions_is_refused(saved_lstm: Any, tmp_path: Path) -> None:
    approximation = saved_lstm.converted.approximation
    saved_lstm.converted.set_approximation(Approximation.exact())
    try:
        save(saved_lstm.converted, tmp_path / "exact")
    finally:
        saved_lstm.converted.set_approximation(approximation)
    with pytest.raises(ValueError, match=r"site cell\.\w+ has no table"):
        machine.load(tmp_path / "exact")


# Programs that claim something false


def forged(source: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A file with a valid seal whose program was changed."""
    from safetensors.numpy import save as pack

    file = read(source)
    document = json.loads(json.dumps(file.document))
    change(document)
    write(target, pack(file.arrays(), metadata(document)))
    return target


def first(document: dict[str, Any], **wanted: str) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = document["nodes"]
    return next(n for n in nodes if all(n.get(key) == value for key, value in wanted.items()))


def true_function(document: dict[str, Any]) -> None:
    site = first(document, op="site")
    kept = {key: site[key] for key in ("name", "args", "value")}
    site.clear()
    site.update(kept, op="call", kind="hadamard", target="aten.sigmoid.default", kwargs={})


def on_the_host(document: dict[str, Any]) -> None:
    site = first(document, op="site")
    kept = {key: site[key] for key in ("name", "args", "value")}
    site.clear()
    site.update(kept, op="call", kind="host", target="aten.exp.default", kwargs={})


def of_integers_it_says(document: dict[str, Any]) -> None:
    on_the_host(document)
    first(document, target="aten.exp.default")["value"]["dtype"] = "int64"


def move_that_computes(document: dict[str, Any]) -> None:
    first(document, kind="hadamard")["kind"] = "move"


def not_there(document: dict[str, Any]) -> None:
    first(document, op="site")["args"] = [{"node": "nowhere"}]


def no_tensor(document: dict[str, Any]) -> None:
    first(document, op="tensor")["key"] = "nowhere"


def no_kind(document: dict[str, Any]) -> None:
    del first(document, op="call")["kind"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (true_function, "aten.sigmoid.default is no hadamard instruction"),
        (on_the_host, "host instruction aten.exp.default computes floats"),
        (of_integers_it_says, "on float words"),
        (move_that_computes, "is no move instruction"),
        (not_there, "reads nowhere, which is not computed"),
        (no_tensor, "reads tensor nowhere"),
        (no_kind, "malformed"),
    ],
)
def test_a_program_that_is_more_than_the_five_kinds_is_refused(
    saved_lstm: Any, tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = forged(saved_lstm.path, tmp_path / "forged", change)
    with pytest.raises((ValueError, TypeError), match=message):
        machine.load(path).run(arrays(saved_lstm.inputs))


def test_counts_are_of_the_last_run(saved_lstm: Any) -> None:
    program = machine.load(saved_lstm.path)
    assert program.counts() == {}
    program.run(arrays(saved_lstm.inputs))
    once = program.counts()
    program.run(arrays(saved_lstm.inputs))
    assert program.counts() == once
    assert Counter(node["op"] for node in read(saved_lstm.path).document["nodes"])["site"] > 0
