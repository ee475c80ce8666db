"""Folds against SCALE-Sim's output, point by point."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from accel_models import Design, Gemm, Workload, evaluate

ROOMY = {f"{name}_buffer": 1 << 20 for name in ("input", "weight", "output")}
"""SCALE-Sim's terms: it tiles by the array alone, so that nothing is cut by scratchpads."""


def layer(point: dict[str, Any], **fields: Any) -> dict[str, Any]:
    fields = ROOMY | fields
    design = Design(rows=point["rows"], cols=point["cols"], dataflow=point["dataflow"], **fields)
    report = evaluate(design, Workload([Gemm(point["M"], point["N"], point["K"])]))
    return dict(report.layers.iloc[0])


def test_cycles_equal_scalesim(golden: Any) -> None:
    for point in golden("scalesim"):
        mine = layer(point)
        # Its total counts the last index, so the lines run are one more (issue 125); stalls are its own.
        assert mine["compute_cycles"] == point["total_cycles"] - point["stall_cycles"] + 1, point


def test_sram_counts_equal_scalesim(golden: Any) -> None:
    for point in golden("scalesim"):
        mine = layer(point)
        assert mine["sram_reads_a"] == point["sram_reads"]["ifmap"], point
        assert mine["sram_reads_b"] == point["sram_reads"]["filter"], point
        extra = 0
        if point["dataflow"] == "os":  # its output-stationary writes carry R + C words a fold too many
            folds = -(-point["M"] // point["rows"]) * -(-point["N"] // point["cols"])
            extra = folds * (point["rows"] + point["cols"])
        assert mine["sram_writes_z"] == point["sram_writes"]["ofmap"] - extra, point


def test_a_tile_more_of_what_streams_loads_and_fills_once_more(golden: Any) -> None:
    """Small scratchpads cut M, or K: every block of the stationary matrix is loaded, and filled, a tile."""
    small = {"input_buffer": 4096, "weight_buffer": 4096, "output_buffer": 8192, "mapping": "energy"}
    cut = 0
    for point in golden("scalesim"):
        rows, cols, dataflow = point["rows"], point["cols"], point["dataflow"]
        whole, tiled = layer(point), layer(point, **small)
        name = {"ws": "sram_reads_b", "os": "sram_writes_z", "is": "sram_reads_a"}[dataflow]
        loads = tiled[name] / whole[name]
        sides = {"ws": "KN", "os": "MN", "is": "KM"}[dataflow]
        blocks = -(-point[sides[0]] // rows) * -(-point[sides[1]] // cols)
        skew = rows + cols - 2 + (0 if dataflow == "os" else rows)
        assert loads == int(loads)
        assert tiled["compute_cycles"] == whole["compute_cycles"] + (loads - 1) * blocks * skew
        cut += loads > 1
    assert cut


@given(
    st.integers(1, 200), st.integers(1, 200), st.integers(1, 200),
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(["ws", "os", "is"]),
)  # fmt: skip
def test_fill_models_are_ordered_and_never_beat_the_array(
    m: int, n: int, k: int, rows: int, cols: int, dataflow: str
) -> None:
    workload = Workload([Gemm(m, n, k)])
    found = [
        evaluate(Design(rows=rows, cols=cols, dataflow=dataflow, fill=fill), workload)
        for fill in ("none", "overlapped", "serial")
    ]
    cycles = [report.compute_cycles for report in found]
    assert cycles == sorted(cycles)
    assert cycles[0] * rows * cols >= m * n * k
    assert [report.fill for report in found] == ["none", "overlapped", "serial"]


def test_without_fill_dividing_shapes_take_the_least_cycles() -> None:
    for dataflow in ("ws", "os", "is"):
        report = evaluate(Design(dataflow=dataflow, fill="none"), Workload([Gemm(64, 128, 96)]))
        assert report.compute_cycles == 64 * 128 * 96 / 256
