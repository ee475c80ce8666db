"""Throughput and power of this machine on a network, in the form of a reference platform's row."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accel_models.platforms import Platform
from approx.zoo import FullSize, Inputs
from dse.about import version
from dse.errors import UserError
from dse.measuring import power

if TYPE_CHECKING:
    from torch import nn

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
WARM_UP = 2
"""Runs before the clock starts: they fill caches and choose kernels."""


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Attributes:
        network: Its name.
        size: Side of the image, or sequence length.
        batch: Inferences at a time.
        precision: A key of `DTYPES`.
        device: "cpu" or "cuda".
        seconds: Least time that it runs for.
    """

    network: str
    size: int
    batch: int
    precision: str
    device: str
    seconds: float


def measure(chosen: FullSize, setting: Setting, meter: power.Meter, name: str = "") -> Platform:
    """Run a network for a while and return throughput and power as a platform's row.

    The network has random weights, which time does not depend on. CUDA is waited for before either clock
    stops.

    Args:
        chosen: The network that is measured.
        setting: How it is measured.
        meter: Where the power comes from.
        name: The platform's name; the processor's unless given.
    """
    import torch

    torch.manual_seed(0)
    model, inputs = _placed(chosen.make(), chosen.example(setting.batch, setting.size), setting)
    run = _call(model, inputs)
    with torch.inference_mode(), _arithmetic(setting):
        for _ in range(WARM_UP):
            run()
        runs, seconds = _timed(run, setting, meter)
    ran = f"PyTorch {version('torch')}, {runs} runs in {seconds:.1f} s"
    return Platform(
        name=name or processor(setting.device),
        kind="gpu" if setting.device == "cuda" else "cpu",
        network=setting.network,
        size=setting.size,
        batch=setting.batch,
        precision=setting.precision,
        throughput=runs * setting.batch / seconds,
        power_w=meter.watts,
        power=meter.kind,
        scope=meter.scope,
        node_nm=0,
        source=f"neuralmatrix measure {setting.network}, {ran}",
        date=datetime.now(UTC).date().isoformat(),
        note=_note(setting, meter),
    )


def processor(device: str) -> str:
    """Return the name of the CPU or of the first GPU."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name(0))
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a kernel's table, not a path
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return (names or [platform.processor() or platform.machine()])[0]


def check(device: str, precisions: Iterable[str]) -> None:
    """Refuse, before anything runs, what this machine cannot do.

    Raises:
        UserError: If a precision is unknown, or there is no such device.
    """
    for precision in precisions:
        if precision not in DTYPES:
            raise UserError(f"--precision {precision}: must be one of {', '.join(DTYPES)}")
    if device not in ("cpu", "cuda"):
        raise UserError(f"--device {device}: must be one of cpu, cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError("--device cuda: PyTorch finds no CUDA GPU here")


def _placed(model: nn.Module, inputs: Inputs, setting: Setting) -> tuple[nn.Module, Inputs]:
    if isinstance(inputs, dict):
        return model.to(setting.device), {key: value.to(setting.device) for key, value in inputs.items()}
    return model.to(setting.device), tuple(value.to(setting.device) for value in inputs)


def _call(model: nn.Module, inputs: Inputs) -> Callable[[], Any]:
    return lambda: model(**inputs) if isinstance(inputs, dict) else model(*inputs)


def _arithmetic(setting: Setting) -> AbstractContextManager[Any]:
    """Mixed precision as PyTorch runs it; fp32 is left alone."""
    import torch

    if setting.precision == "fp32":
        return nullcontext()
    return torch.autocast(setting.device, dtype=getattr(torch, DTYPES[setting.precision]))


def _timed(run: Callable[[], Any], setting: Setting, meter: power.Meter) -> tuple[int, float]:
    """Return runs and seconds."""
    wait = _waiting(setting.device)
    wait()
    runs, began = 0, time.perf_counter()
    with meter:
        while runs == 0 or time.perf_counter() - began < setting.seconds:
            run()
            runs += 1
            wait()
    return runs, time.perf_counter() - began


def _waiting(device: str) -> Any:
    import torch

    return torch.cuda.synchronize if device == "cuda" else lambda: None


def _note(setting: Setting, meter: power.Meter) -> str:
    import torch

    if isinstance(meter, power.Nvml):
        return meter.describe()
    return f"{torch.get_num_threads()} threads" if setting.device == "cpu" else ""
