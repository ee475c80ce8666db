"""Golden points of outside tools, and workloads that several tests share."""

import json
from pathlib import Path
from typing import Any

import pytest

from accel_models import Gemm, Hadamard, Lookup, Move, Workload


@pytest.fixture
def golden() -> Any:
    def load(name: str) -> list[dict[str, Any]]:
        points = json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text())["points"]
        assert points
        return list(points)

    return load


@pytest.fixture
def mixed() -> Workload:
    """One operation of each kind and addressing, some repeated."""
    return Workload(
        [
            Gemm(64, 96, 40, "first"),
            Lookup(64 * 96, 16, "comparator", "gelu"),
            Gemm(64, 40, 96, "second", count=3),
            Hadamard(64 * 40, "residual"),
            Lookup(64, 8, "exponent", "rsqrt"),
            Gemm(64, 96, 40, "third"),
            Move(64 * 96, "transpose"),
            Lookup(64 * 96, 16, "comparator", "gelu"),
            Gemm(7, 5, 3, "last"),
        ],
        batch=2,
    )
