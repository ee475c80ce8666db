"""Workloads: validated, saved and read back, equal by content."""

import json
from pathlib import Path
from typing import Any

import pytest

from accel_models import Gemm, Hadamard, Lookup, Move, Workload


def test_saved_and_loaded(mixed: Workload, tmp_path: Path) -> None:
    mixed.save(tmp_path / "w.json")
    again = Workload.load(tmp_path / "w.json")
    assert again == mixed
    assert hash(again) == hash(mixed)
    assert again.digest == mixed.digest
    assert Workload([*mixed.operations, Move(1)], 2).digest != mixed.digest
    assert Workload(mixed.operations, 3).digest != mixed.digest


def test_macs_count_every_product() -> None:
    assert Gemm(2, 3, 4, count=5).macs == 120
    assert Workload([Gemm(2, 3, 4, count=5), Hadamard(7), Gemm(1, 1, 1)]).macs == 121


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Gemm(0, 1, 1), "gemm.m = 0: must be an integer from 1 to 1000000000"),
        (lambda: Gemm(1, 1.5, 1), "gemm.n = 1.5: must be"),
        (lambda: Gemm(1, 1, True), "gemm.k = True: must be"),
        (lambda: Gemm(1, 1, 1, count=-1), "gemm.count = -1: must be"),
        (lambda: Gemm(1, 1, 10**10), "gemm.k = 10000000000: must be"),
        (lambda: Gemm(2, 1, 3, a_distinct=7), "gemm.a_distinct = 7: must be an integer from 1 to 6"),
        (lambda: Gemm(1, 1, 1, name=3), "gemm.name = 3: must be text"),
        (lambda: Hadamard(0), "hadamard.elements = 0: must be"),
        (lambda: Lookup(1, 0), "lookup.segments = 0: must be"),
        (lambda: Lookup(1, 2, "magic"), "lookup.addressing = magic: must be one of shift, dyadic"),
        (lambda: Move(-3), "move.elements = -3: must be"),
        (lambda: Workload([]), "workload.operations = []: must be at least one operation"),
        (lambda: Workload([3]), "workload.operations = 3: must be Gemm, Hadamard, Lookup or Move"),
        (lambda: Workload([Move(1)], 0), "workload.batch = 0: must be"),
    ],
)
def test_bad_values_are_refused(make: Any, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "Expecting property name"),
        ("[]", "workload.operations = []: must be a list of operations"),
        ({"operations": [{"kind": "conv"}]}, "operation = {'kind': 'conv'}: must be a table with kind"),
        (
            {"operations": [{"kind": "move", "elements": 1, "x": 2}]},
            "move.x = 2: must be left out; fields are",
        ),
        ({"operations": [{"kind": "gemm", "m": 1}]}, "gemm: "),
    ],
)
def test_bad_files_are_named(content: Any, text: str, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError) as caught:
        Workload.load(path)
    assert str(caught.value).startswith(f"{path}: {text}")
