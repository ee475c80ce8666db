import pytest
import torch
from torch import nn

from accel_models import Gemm, Lookup
from approx.network import Approximation, trace

Network = tuple[nn.Module, dict[str, torch.Tensor]]


def macs(operations: list[object]) -> int:
    return sum(op.m * op.n * op.k * op.count for op in operations if isinstance(op, Gemm))


def test_linear_layers_are_their_gemms() -> None:
    program = trace(nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4)), (torch.randn(3, 8),))
    gemms = [op for op in program.workload(batch=5).operations if isinstance(op, Gemm)]
    assert [(g.m, g.n, g.k, g.name) for g in gemms] == [(5, 16, 8, "0.linear"), (5, 4, 16, "2.linear")]
    (site,) = program.sites
    assert (site.name, site.function, site.elements, site.exact) == ("1.gelu", "gelu", 16, False)


@pytest.mark.parametrize(
    ("convolution", "shape", "expected"),
    [
        (nn.Conv2d(4, 6, 3, padding=1), (2, 4, 5, 5), (25, 6, 36, 1)),
        (nn.Conv2d(4, 6, 3, stride=2), (2, 4, 7, 7), (9, 6, 36, 1)),
        (nn.Conv2d(4, 8, 3, groups=2), (2, 4, 5, 5), (9, 4, 18, 2)),
        (nn.Conv2d(4, 4, 3, groups=4), (2, 4, 5, 5), (9, 1, 9, 4)),
        (nn.Conv1d(4, 6, 5), (2, 4, 9), (5, 6, 20, 1)),
    ],
)
def test_a_convolution_is_im2col(
    convolution: nn.Module, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    (gemm,) = trace(convolution, (torch.randn(shape),)).workload().operations
    assert isinstance(gemm, Gemm)
    assert (gemm.m, gemm.n, gemm.k, gemm.count) == expected


def test_attention_is_a_product_a_head(bert: Network) -> None:
    model, inputs = bert
    operations = trace(model, inputs).workload(batch=1).operations
    heads = [op for op in operations if isinstance(op, Gemm) and op.count > 1]
    assert [(g.m, g.n, g.k, g.count) for g in heads] == [(16, 16, 16, 2), (16, 16, 16, 2)] * 2
    assert sum("self" in op.name for op in operations if isinstance(op, Lookup)) == 3 * 2


def test_work_grows_with_the_batch(resnet: Network) -> None:
    model, inputs = resnet
    program = trace(model, inputs)
    assert macs(program.workload(batch=6).operations) == 6 * macs(program.workload().operations)


def test_multiply_accumulates_are_those_that_torch_counts(resnet: Network) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    model, inputs = resnet
    with FlopCounterMode(display=False) as counter:
        model(**inputs)
    layers = [op for op in trace(model, inputs).workload(batch=4).operations if "mean" not in op.name]
    assert 2 * macs(layers) == counter.get_total_flops()


def test_lookups_follow_the_approximation() -> None:
    program = trace(nn.GELU(), (torch.randn(3, 8),))
    for placement, addressing in (("uniform", "shift"), ("dyadic", "dyadic"), ("minimax", "comparator")):
        (lookup,) = program.workload(approximation=Approximation(24, placement)).operations
        assert (lookup.segments, lookup.addressing, lookup.elements) == (24, addressing, 8)


def test_a_softmax_counts_its_tournament() -> None:
    operations = trace(nn.Softmax(dim=-1), (torch.randn(2, 3, 16),)).workload().operations
    (relu,) = (op for op in operations if isinstance(op, Lookup) and op.table == "relu")
    assert relu.elements == 3 * 15


def test_the_certificate_counts_every_node(bert: Network) -> None:
    model, inputs = bert
    certificate = trace(model, inputs).certificate()
    assert certificate.functions == {"rsqrt": 5, "exp": 2, "reciprocal": 2, "gelu": 2, "tanh": 1}
    assert certificate._repr_html_().count("\n") == len(certificate.entries) - 1
    assert sum(certificate.counts.values()) == len(certificate.entries)
    assert certificate.counts["lookup"] == 12 + 2
    assert str(certificate).startswith(f"{len(certificate.entries)} nodes: ")


def test_a_program_shows_its_nodes_and_sites_in_a_notebook(bert: Network) -> None:
    program = trace(*bert)
    shown = program._repr_html_()
    assert program.certificate()._repr_html_() in shown
    assert shown.count("<tr>") == 1 + len(program.sites)
    assert all(f"<td>{site.name}</td>" in shown for site in program.sites)


def test_a_recurrent_cell_has_each_site_once() -> None:
    steps = 5

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTM(3, 4, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.cell(x)[0]

    program = trace(Recurrent(), (torch.randn(2, steps, 3),))
    names = [site.name for site in program.sites]
    assert len(names) == len(set(names))
    lookups = [op for op in program.workload().operations if isinstance(op, Lookup)]
    assert sum(site.elements for site in program.sites) == sum(op.elements for op in lookups) == steps * 5 * 4


@pytest.mark.parametrize(
    ("activation", "segments", "addressing"), [(nn.ReLU(), 2, "shift"), (nn.Hardsigmoid(), 3, "comparator")]
)
def test_an_exact_function_has_the_segments_of_its_kinks(
    activation: nn.Module, segments: int, addressing: str
) -> None:
    (lookup,) = trace(activation, (torch.randn(2, 3),)).workload().operations
    assert isinstance(lookup, Lookup)
    assert (lookup.segments, lookup.addressing) == (segments, addressing)


def test_a_batch_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch = 0: must be an integer of at least 1"):
        trace(nn.GELU(), (torch.randn(3, 8),)).workload(batch=0)
