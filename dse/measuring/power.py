"""How many joules a piece of work took, from the meters that machines have: RAPL of CPUs, NVML of GPUs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from dse.errors import UserError

POWERCAP = Path("/sys/class/powercap")
SAMPLE_S = 0.05
"""Between two readings of a GPU's power; NVML refreshes it about every 20 to 100 ms."""


class Meter(Protocol):
    """Measures power between entering and leaving it.

    Attributes:
        watts: Mean power; valid after leaving.
        kind: "measured" or "tdp".
        scope: What the power is of.
    """

    watts: float
    kind: str
    scope: str

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Rapl:
    """Intel's and AMD's running average power limit: energy counters of CPU packages.

    Raises:
        UserError: If no package's counter can be read.
    """

    kind = "measured"
    scope = "CPU packages (RAPL)"

    def __init__(self, root: Path = POWERCAP) -> None:
        self._packages = [path for path in sorted(root.glob("*-rapl:*")) if path.name.count(":") == 1]
        self.watts = 0.0
        try:
            self._read()
        except OSError as error:
            raise UserError(f"{error.filename}: cannot be read ({error.strerror}); give --tdp") from None
        if not self._packages:
            raise UserError(f"{root}: no energy counter (RAPL) of a CPU package; give --tdp")

    def __enter__(self) -> Self:
        self._start, self._began = self._read(), time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self._began
        pairs = zip(self._packages, self._start, self._read(), strict=True)
        self.watts = sum(self._used(path, first, last) for path, first, last in pairs) / seconds * 1e-6

    def _read(self) -> list[int]:
        return [int((path / "energy_uj").read_text()) for path in self._packages]

    def _used(self, path: Path, first: int, last: int) -> int:
        """Return microjoules between two readings of a counter that wraps."""
        return (
            last - first if last >= first else last - first + int((path / "max_energy_range_uj").read_text())
        )


@dataclass
class Stated:
    """No meter: the power that the user states, as a rule the TDP."""

    watts: float
    kind: str = "tdp"
    scope: str = "as stated by the user"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Nvml:
    """An NVIDIA GPU's power, sampled while it works.

    Raises:
        UserError: If the library or the GPU is not there.
    """

    kind = "measured"
    scope = "card (NVML)"

    def __init__(self, index: int = 0) -> None:
        try:
            self._nvml: Any = import_module("pynvml")
        except ImportError:
            raise UserError("pynvml: not installed: pip install nvidia-ml-py, or give --tdp") from None
        try:
            self._nvml.nvmlInit()
            self._device = self._nvml.nvmlDeviceGetHandleByIndex(index)
            self._sample()
        except self._nvml.NVMLError as error:
            raise UserError(f"NVML: GPU {index} cannot be read ({error}); give --tdp") from None
        self.watts = 0.0
        self._samples: list[float] = []

    def describe(self) -> str:
        """Return driver and clock, which a figure depends on."""
        driver = self._nvml.nvmlSystemGetDriverVersion()
        text = driver.decode() if isinstance(driver, bytes) else str(driver)
        clock = self._nvml.nvmlDeviceGetClockInfo(self._device, self._nvml.NVML_CLOCK_SM)
        return f"driver {text}, SM clock {clock} MHz"

    def __enter__(self) -> Self:
        self._samples, self._done = [self._sample()], threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self.watts = sum(self._samples) / len(self._samples)

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self._samples.append(self._sample())

    def _sample(self) -> float:
        return float(self._nvml.nvmlDeviceGetPowerUsage(self._device)) / 1000


def meter(device: str, tdp: float | None) -> Meter:
    """Return the meter of a device, or what the user states.

    Raises:
        UserError: If there is no meter, and no power is stated.
    """
    if tdp is not None:
        return Stated(tdp)
    return Nvml() if device == "cuda" else Rapl()
