"""This machine as a platform: meters against stand-ins, and a real run of a small network."""

import sys
import types

import pytest

from dse.errors import UserError
from dse.measuring import Setting, measure
from dse.measuring.networks import FullSize, find
from dse.measuring.power import Nvml, Rapl, Stated, meter


@pytest.fixture
def packages(tmp_path):
    """Two CPU packages, a part of one, and their counters in microjoules."""
    for name, value in (("intel-rapl:0", 100), ("intel-rapl:1", 990), ("intel-rapl:0:0", 7)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("1000\n")
    return tmp_path


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


def test_rapl_adds_packages_up_and_counts_past_a_counters_end(packages, clock):
    rapl = Rapl(packages)
    with rapl:
        (packages / "intel-rapl:0" / "energy_uj").write_text("500")
        (packages / "intel-rapl:1" / "energy_uj").write_text("40")  # 50 on, past its end
        clock[0] = 2.0
    assert rapl.watts == pytest.approx((400 + 50) / 2 * 1e-6)
    assert rapl.kind == "measured"


def test_without_a_readable_counter_the_user_must_state_the_power(packages, tmp_path):
    (packages / "intel-rapl:0" / "energy_uj").unlink()
    with pytest.raises(UserError, match=r"energy_uj: cannot be read \(No such file"):
        Rapl(packages)
    with pytest.raises(UserError, match="no energy counter"):
        Rapl(tmp_path / "nowhere")
    assert meter("cpu", 65.0) == Stated(65.0)


class FakeNvml(types.ModuleType):
    """NVIDIA's management library with a GPU of 100, 200, 300 W in turn."""

    NVML_CLOCK_SM = 1
    NVMLError = type("NVMLError", (Exception,), {})

    def __init__(self, broken=False):
        super().__init__("pynvml")
        self.broken, self.readings = broken, 0

    def nvmlInit(self):  # noqa: N802 - the library's names
        if self.broken:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetPowerUsage(self, device):  # noqa: N802
        self.readings += 1
        return 100_000 * (1 + self.readings % 3)

    def nvmlSystemGetDriverVersion(self):  # noqa: N802
        return b"555.42"

    def nvmlDeviceGetClockInfo(self, device, kind):  # noqa: N802
        return 1980


def test_nvml_samples_while_the_gpu_works(monkeypatch):
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr("dse.measuring.power.SAMPLE_S", 0.001)
    gpu = meter("cuda", None)
    assert isinstance(gpu, Nvml)
    with gpu:
        while fake.readings < 20:
            pass
    assert 150 < gpu.watts < 250
    assert gpu.describe() == "driver 555.42, SM clock 1980 MHz"


@pytest.mark.parametrize(
    ("module", "line"), [(FakeNvml(broken=True), "Driver Not Loaded"), (None, "not installed")]
)
def test_a_gpu_that_cannot_be_read_is_one_line(monkeypatch, module, line):
    monkeypatch.setitem(sys.modules, "pynvml", module)
    with pytest.raises(UserError, match=line):
        Nvml()


def small(batch, size):
    import torch

    return {"x": torch.ones(batch, size)}


def network():
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(8, 8)

        def forward(self, x):
            return self.linear(x)

    return Net()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_row_says_how_it_was_got(precision):
    setting = Setting("own", 8, 4, precision, "cpu", 0.05)
    row = measure(FullSize("own", network, 8, small), setting, Stated(65.0), "a laptop")
    assert row.throughput > 100
    assert (row.name, row.kind, row.batch, row.precision) == ("a laptop", "cpu", 4, precision)
    assert (row.power_w, row.power, row.scope) == (65.0, "tdp", "as stated by the user")
    assert "PyTorch" in row.source
    assert "runs in" in row.source
    assert len(row.date) == 10


def test_published_sizes_of_the_networks():
    """Multiply-adds of one image or 128 tokens, as published: 1.8 and 4.1 G (He et al., 2016, Table 1)."""
    from approx import Approximation
    from dse.measuring.networks import workload

    assert workload("resnet18", 224, Approximation()).macs == pytest.approx(1.8e9, rel=0.02)
    assert find("resnet50").size == 224
