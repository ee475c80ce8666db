"""What feeds what in a program, as its workload says."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from accel_models import OUTSIDE, Flow, Gemm, Operation, Workload
from approx.network import trace


class Fn(nn.Module):
    """forward(x) = f(x)."""

    def __init__(self, f: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(x)


def workload(network: nn.Module, *shape: int) -> Workload:
    return trace(network, (torch.randn(shape),)).workload()


def entries(found: Workload) -> list[tuple[Operation, Flow]]:
    assert found.flow is not None
    return list(zip(found.operations, found.flow, strict=True))


def test_views_pass_on_what_they_show() -> None:
    found = entries(workload(Fn(lambda x: (x.sigmoid().mT * 2).flatten(1).exp()), 2, 3, 4))
    assert [[(r.source, r.elements, r.rearranged) for r in flow.reads] for _, flow in found] == [
        [(OUTSIDE, 12, False)],
        [(0, 12, True)],
        [(1, 12, False)],
    ]


def test_a_softmax_works_on_rows() -> None:
    found = entries(workload(nn.Softmax(-1), 2, 3, 16))
    grouped = [(flow.group, flow.block) for _, flow in found if flow.group]
    assert grouped == [("rows", 16)] * 3  # tournament: two, sum: one
    assert all(read.elements in (48, 3, 45) for _, flow in found for read in flow.reads)


def test_a_reduction_across_rows_needs_its_whole_input() -> None:
    found = entries(workload(nn.Softmax(1), 2, 3, 16))
    (total,) = (flow for op, flow in found if isinstance(op, Gemm))
    assert total.group not in ("", "rows")
    assert total.block == 3 * 16


@pytest.mark.parametrize(
    ("f", "rearranged"),
    [
        (lambda x: x - x.sigmoid().sum(-1, keepdim=True), False),
        (lambda x: x - x.sigmoid().sum(-1)[:, None], True),  # a word a column
        (lambda x: x - x.sigmoid().sum(-1)[:, None].expand(-1, 6, -1), True),
        (lambda x: x - x.sigmoid().sum(-1)[:, :, None].expand(-1, -1, 6), False),
    ],
)
def test_a_broadcast_says_along_what(f: Callable[[torch.Tensor], torch.Tensor], rearranged: bool) -> None:
    *_, (_, last) = entries(workload(Fn(f), 2, 6, 6))
    (total,) = (read for read in last.reads if read.source != OUTSIDE)
    assert (total.elements, total.rearranged) == (6, rearranged)


def test_a_pool_needs_the_lines_of_its_window() -> None:
    found = entries(workload(nn.MaxPool2d(3, 2, 1), 2, 4, 8, 10))
    assert {flow.block for _, flow in found} == {3 * 10}
    assert found[-1][1].writes == 4 * 4 * 5


def test_a_row_of_a_linear_layer_is_a_row_of_its_tensor() -> None:
    (_, flow), *_ = entries(workload(nn.Linear(8, 5), 2, 3, 8))
    assert (flow.group, flow.block, flow.writes) == ("rows", 5, 15)
    (_, flow), *_ = entries(workload(nn.Conv2d(3, 5, 1), 2, 3, 8, 8))
    assert (flow.group, flow.block, flow.writes) == ("", 1, 5 * 64)


def test_every_operation_of_a_network_has_its_flow(bert: tuple[nn.Module, dict[str, torch.Tensor]]) -> None:
    found = trace(*bert).workload(batch=2)
    assert found.flow is not None
    for op, flow in entries(found):
        size = op.m * op.n * op.count if isinstance(op, Gemm) else op.elements
        assert flow.writes <= size
        assert all(found.flow[read.source].writes >= read.elements for read in flow.reads if read.source >= 0)
    assert sum(1 for flow in found.flow if not flow.reads) == 0
