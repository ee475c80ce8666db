import math

import pytest

from dse.formatting import field_value, formatted, with_prefix
from dse.metrics import HARDWARE, METRICS, QUALITY


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.9537, "95.4%"),
        ("fidelity", 0.99987, "0.999870"),
        ("throughput_per_watt", 12345.6, "12,346"),
        ("latency_s", 0.00012345, "0.0001234"),
        ("area_mm2", math.nan, ""),
    ],
)
def test_figures_are_written_with_the_digits_that_matter(name, value, text):
    assert formatted(METRICS[name], value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.79e-6, "1.79 µs"), (2.5e-3, "2.5 ms"), (3.0, "3 s"), (4.2e3, "4.2 ks"), (1e-12, "1e-12 s")],
)
def test_quantities_get_a_prefix(value, text):
    assert with_prefix(value, "s") == text


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("input_buffer", 65536, "64 KiB"),
        ("input_buffer", 100, "100 bytes"),
        ("clock", 1e8, "100 MHz"),
        ("dram_bandwidth", 25.6e9, "25.6 GB/s"),
        ("rows", 16, "16"),
        ("dataflow", "ws", "ws"),
    ],
)
def test_a_designs_fields_have_their_units(field, value, text):
    assert field_value(field, value) == text


def test_figures_have_distinct_names_and_a_direction():
    assert len(METRICS) == len(QUALITY + HARDWARE)
    for figure in METRICS.values():
        assert figure.sign == (1 if figure.better == "higher" else -1)
    assert METRICS["throughput_per_watt"].heading == "Throughput per watt (inferences/J)"
