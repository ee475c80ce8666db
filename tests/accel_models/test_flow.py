"""What feeds what: checked, saved and read back, and rewired where operations are left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from accel_models import OUTSIDE, Flow, Gemm, Hadamard, Lookup, Read, Workload

OPERATIONS = [Gemm(4, 8, 2), Lookup(32, 16, name="gelu"), Hadamard(32)]
FLOW = (
    Flow((Read(OUTSIDE, 8),), 32, "rows", 8),
    Flow((Read(0, 32),), 32),
    Flow((Read(1, 32), Read(OUTSIDE, 8, rearranged=True)), 32),
)


def test_flow_is_saved_with_its_operations(tmp_path: Path) -> None:
    workload = Workload(OPERATIONS, 2, FLOW)
    workload.save(tmp_path / "w.json")
    again = Workload.load(tmp_path / "w.json")
    assert again == workload
    assert again.flow == FLOW
    assert again.digest == workload.digest != Workload(OPERATIONS, 2).digest


def test_a_file_without_flow_loads_as_before(tmp_path: Path) -> None:
    Workload(OPERATIONS).save(tmp_path / "w.json")
    assert "flow" not in (tmp_path / "w.json").read_text()
    assert Workload.load(tmp_path / "w.json").flow is None


def test_who_read_an_operation_left_out_reads_what_it_read() -> None:
    rest = Workload(OPERATIONS, 2, FLOW).without(lambda op: isinstance(op, Lookup))
    assert rest.operations == (OPERATIONS[0], OPERATIONS[2])
    assert rest.flow is not None
    assert [read.source for read in rest.flow[1].reads] == [0, OUTSIDE]
    assert rest.batch == 2
    assert Workload(OPERATIONS).without(lambda op: isinstance(op, Lookup)).flow is None


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        (FLOW[:2], "workload.flow = 2 entries: must be 3, one for each operation"),
        ((FLOW[0], FLOW[1], 7), "workload.flow[2] = 7: must be a Flow"),
        (
            (FLOW[0], Flow((Read(1, 32),), 32), FLOW[2]),
            "workload.flow[1].source = 1: must be an integer from -1 to 0",
        ),
        ((FLOW[0], Flow((Read(0, 0),), 32), FLOW[2]), "workload.flow[1].elements = 0: must be"),
        ((Flow((), 0), *FLOW[1:]), "workload.flow[0].writes = 0: must be"),
        ((Flow((), 1, "rows", 0), *FLOW[1:]), "workload.flow[0].block = 0: must be"),
    ],
)
def test_flow_that_cannot_be_is_refused(flow: Any, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Workload(OPERATIONS, flow=flow)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda items: items[1].pop("flow"), "workload.flow = given for 2 operations: must be given for all"),
        (lambda items: items[0].update(flow=3), "workload.operations[0].flow = 3: must be a table of reads"),
        (
            lambda items: items[2]["flow"].update(reads=[1]),
            "workload.operations[2].flow.reads = [1]: must",
        ),
        (lambda items: items[2]["flow"].update(group=1), "workload.operations[2].flow.group = 1: must"),
    ],
)
def test_bad_files_are_named(change: Any, text: str, tmp_path: Path) -> None:
    values = Workload(OPERATIONS, 1, FLOW).to_dict()
    change(values["operations"])
    path = tmp_path / "w.json"
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError) as caught:
        Workload.load(path)
    assert str(caught.value).startswith(f"{path}: {text}")
