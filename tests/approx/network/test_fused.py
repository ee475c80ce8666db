"""The Triton kernels, in Triton's interpreter on the CPU and through its compiler; skipped without Triton.

The interpreter must be chosen before Triton is imported, so its tests run in a process of their own, which
`test_in_the_interpreter` starts.
"""

import os
import subprocess
import sys
from importlib import import_module

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from approx.cpwl import fit
from approx.network.operator import cpwl, fused, reference
from approx.network.site import SiteModule

KERNELS = "approx.network.operator.kernels"
INTERPRETING = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETING, reason="runs in test_in_the_interpreter")
compiled = pytest.mark.skipif(INTERPRETING, reason="the interpreter does not compile")


def site(function: str, **how: object) -> SiteModule:
    module = SiteModule(function, function)
    module.set_table(fit(function, **{"segments": 16, **how}))
    return module


def test_cpu_tensors_do_not_ask_for_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approx.network.operator.fused.find_spec", lambda name: pytest.fail("asked"))
    module = site("gelu")
    cpwl(torch.randn(5), module.knots, module.lines)
    assert KERNELS not in sys.modules


def test_without_triton_the_plain_path_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approx.network.operator.fused.find_spec", lambda name: None)
    fused._usable.cache_clear()
    assert not fused._usable(torch.device("cuda"))
    fused._usable.cache_clear()


def test_where_triton_does_not_work_one_warning_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no compiler\nand a page of advice")

    monkeypatch.setattr("approx.network.operator.fused.find_spec", lambda name: True)
    monkeypatch.setattr("approx.network.operator.fused._forward", broken)
    fused._usable.cache_clear()
    with pytest.warns(UserWarning, match=r"Triton does not work on cpu \(no compiler\): plain torch serves"):
        assert not fused._usable(torch.device("cpu"))
    assert not fused._usable(torch.device("cpu"))
    fused._usable.cache_clear()


@compiled
def test_in_the_interpreter() -> None:
    pytest.importorskip("triton", reason="the cuda extra is not installed")
    quiet = ["-W", "ignore::RuntimeWarning"]  # numpy warns where float16 overflows to infinity, as it must
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rN", *quiet, __file__]
    run = subprocess.run(  # noqa: S603 - this very file
        command, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
    assert "45 passed" in run.stdout


KNOTS = st.lists(st.floats(-(2.0**40), 2.0**40, width=32), min_size=2, max_size=70, unique=True)


@interpreted
@settings(max_examples=25, deadline=None)
@given(KNOTS, st.lists(st.floats(width=32), max_size=40))
def test_the_index_is_the_references(knots: list[float], extra: list[float]) -> None:
    t = torch.tensor(sorted(knots))
    neighbours = [torch.nextafter(t, torch.full_like(t, side)) for side in (-torch.inf, torch.inf)]
    x = torch.cat([t, *neighbours, torch.tensor(extra), torch.tensor([torch.nan, torch.inf, -torch.inf])])
    lines = torch.stack([torch.zeros(len(t) + 1), torch.arange(len(t) + 1.0)], dim=1)
    found, expected = fused.cpwl(x, t, lines), reference.cpwl(x, t, lines)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@interpreted
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("function", ["exp", "gelu", "tanh", "rsqrt"])
@pytest.mark.parametrize("segments", [1, 16, 150])
def test_values_are_the_references(function: str, segments: int, dtype: torch.dtype) -> None:
    module = site(function, segments=segments)
    low, high = module.table.domain
    x = torch.cat([torch.linspace(low - 1, high + 1, 2999), torch.tensor([torch.nan, torch.inf, -torch.inf])])
    x = x.to(dtype)
    y, expected = (path.cpwl(x, module.knots, module.lines) for path in (fused, reference))
    assert y.dtype == expected.dtype == dtype
    most = torch.finfo(dtype).max  # the interpreter cuts where a processor rounds to infinity
    torch.testing.assert_close(
        y.clamp(-most, most),
        expected.clamp(-most, most),
        rtol=torch.finfo(dtype).eps,
        atol=0,
        equal_nan=True,
    )


@interpreted
@pytest.mark.parametrize("shape", [(0,), (3, 1), (2, 5, 7, 11), (5000,)])
def test_gradients_are_the_references(shape: tuple[int, ...]) -> None:
    module = site("gelu", segments=40)
    x = 4 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    x = x.transpose(0, -1)  # not contiguous
    results = []
    for evaluate in (fused.cpwl, reference.cpwl):
        inputs, lines = x.clone().requires_grad_(), module.lines.clone().requires_grad_()
        y = evaluate(inputs, module.knots, lines)
        y.backward(torch.cos(x))
        results.append((y.detach(), inputs.grad, lines.grad))
    (y, to_x, to_lines), (y_r, to_x_r, to_lines_r) = results
    torch.testing.assert_close(y, y_r, rtol=3e-7, atol=1e-6)
    torch.testing.assert_close(to_x, to_x_r, rtol=0, atol=0)
    torch.testing.assert_close(to_lines, to_lines_r, rtol=1e-4, atol=1e-4)


@interpreted
def test_the_sums_of_many_programs_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approx.network.operator.fused.PROGRAMS", 3)
    module = site("tanh")
    x, gradient = torch.randn(9000), torch.ones(9000)
    entry = torch.bucketize(x, module.knots, right=True)
    to_lines = fused._backward_lines(x, gradient, module.knots)
    assert to_lines[:, 1].tolist() == torch.bincount(entry, minlength=18).tolist()


@compiled
@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_the_kernels_compile_for_a_gpu(capability: int, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    triton = pytest.importorskip("triton", reason="the cuda extra is not installed")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.delitem(sys.modules, KERNELS, raising=False)
    kernels = import_module(KERNELS)
    sizes = {"size": "i32", "knots": "*fp32", "count": "i32"}
    x, lines = f"*{dtype}", {"lines": "*fp32"}
    signatures = {
        "forward": {"x_at": x, "y_at": x, **sizes, **lines},
        "backward_input": {"x_at": x, "gradient_at": x, "to_x_at": x, **sizes, **lines},
        "backward_lines": {"x_at": x, "gradient_at": x, "to_lines_at": "*fp32", **sizes},
    }
    for name, signature in signatures.items():
        constants = {"STEPS": 5, "BLOCK": fused.BLOCK} | (
            {"GROUP": fused.GROUP} if name == "backward_lines" else {}
        )
        source = ASTSource(
            getattr(kernels, name), signature | dict.fromkeys(constants, "constexpr"), constants
        )
        compiled = triton.compile(
            source, target=GPUTarget("cuda", capability, 32), options={"enable_fp_fusion": False}
        )
        assert compiled.asm["cubin"]
