"""Layers timed on Gemmini in RTL simulation: the library's tiles, and the model's cycles."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "gemmini.py"


@pytest.fixture(scope="module")
def gemmini() -> Any:
    spec = importlib.util.spec_from_file_location("benchmark_gemmini", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_search_finds_the_recorded_tiles(gemmini: Any, golden: Any) -> None:
    convolutions = [row for row in golden("gemmini") if row["Q"] != 1]
    assert len(convolutions) > 8
    for row in convolutions:
        tile, tried = gemmini.searched(row)
        recorded = row["tile"]
        # The data name columns P, the library counts rows first.
        names = ("N", "Q", "P", "K", "R", "S", "C")
        assert tile == [recorded[name] for name in names]
        assert tried >= 1


def test_cycles_are_near_the_measured(gemmini: Any, golden: Any) -> None:
    rows = golden("gemmini")
    design = gemmini.PRESETS["gemmini"]
    constants = (design.tile_cycles, design.load_cycles, gemmini.HOST_CYCLES)
    found = gemmini.predicted([gemmini.layer(row) for row in rows], constants)
    measured = np.array([row["cycles_auto_tiling"] for row in rows], dtype=float)
    assert gemmini.error(found, measured) < 0.15
    assert np.corrcoef(np.argsort(np.argsort(found)), np.argsort(np.argsort(measured)))[0, 1] > 0.97


def test_rows_without_measurements_are_predicted_in_order(
    gemmini: Any, golden: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{name: row[name] for name in row if name != "cycles_auto_tiling"} for row in golden("gemmini")]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    arguments = ["gemmini.py", str(tmp_path / "rows.json"), "--csv", str(tmp_path / "out.csv")]
    monkeypatch.setattr(sys, "argv", arguments)
    assert gemmini.main() == 0
    lines = (tmp_path / "out.csv").read_text().split()
    assert lines[0] == "predicted_cycles"
    assert len(lines) == 1 + len(rows)
    assert all(float(line) > 0 for line in lines[1:])
