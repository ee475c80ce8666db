"""Chains of element-wise work: which operations, what they read and leave, and what they cost."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import (
    OUTSIDE,
    Design,
    Flow,
    Gemm,
    Hadamard,
    Lookup,
    Move,
    Operation,
    Read,
    Workload,
    evaluate,
    evaluate_many,
)
from accel_models.schedule import chains

M, N, K = 64, 96, 32
SIZE = M * N


def softmax(rows: int, row: int, source: int, first: int) -> tuple[list[Operation], list[Flow]]:
    """A softmax over trailing rows, its operations numbered from `first`."""
    size = rows * row
    operations: list[Operation] = [
        Hadamard(2 * (size - rows), "max"),
        Lookup(size - rows, 2, "shift", "max", "relu"),
        Hadamard(size, "minus"),
        Lookup(size, 16, name="exp"),
        Gemm(rows, 1, row, "sum", wide=True),
        Lookup(rows, 16, name="reciprocal"),
        Hadamard(size, "times"),
    ]
    at = first
    flow = [
        Flow((Read(source, size),), size - rows, "rows", row),
        Flow((Read(at, size - rows),), rows, "rows", row),
        Flow((Read(source, size), Read(at + 1, rows)), size),
        Flow((Read(at + 2, size),), size),
        Flow((Read(at + 3, size),), rows, "rows", row),
        Flow((Read(at + 4, rows),), rows),
        Flow((Read(at + 3, size), Read(at + 5, rows)), size),
    ]
    return operations, flow


def attention(rows: int = M, row: int = N) -> Workload:
    """A product, a softmax of its rows, and another product."""
    operations, flow = softmax(rows, row, 0, 1)
    product = Flow((Read(OUTSIDE, rows * K), Read(OUTSIDE, K * row)), rows * row, "rows", row)
    last = Flow((Read(7, rows * row), Read(OUTSIDE, row * K)), rows * K, "rows", K)
    return Workload(
        [Gemm(rows, row, K, "scores"), *operations, Gemm(rows, K, row, "mix")], 1, [product, *flow, last]
    )


def test_a_softmax_is_one_chain_that_can_join_its_gemm() -> None:
    (chain,) = chains(attention())
    assert [step.index for step in chain.steps] == list(range(1, 8))
    assert (chain.gemm, chain.rows, chain.block, chain.elements) == (0, True, N, SIZE)
    assert [step.leaves for step in chain.steps] == [0] * 6 + [SIZE]
    reads = [stream for step in chain.steps for stream in step.reads]
    assert [(r.elements, r.made, r.joined) for r in reads] == [(SIZE, True, True)]  # its input, once
    assert chain.live <= 2 * SIZE


def linked(*items: tuple[Operation, list[Any]]) -> list[list[int]]:
    """Return the chains of operations given with (source, rearranged) pairs, by their places."""
    sizes = [op.m * op.n if isinstance(op, Gemm) else op.elements for op, _ in items]
    flow = []
    for op, sources in items:
        rows = isinstance(op, Gemm) and op.wide
        reads = tuple(
            Read(s, SIZE if s == OUTSIDE else sizes[s], bool(rest and rest[0])) for s, *rest in sources
        )
        size = op.m if isinstance(op, Gemm) and rows else sizes[len(flow)]
        flow.append(Flow(reads, size, "rows" if rows else "", op.k if isinstance(op, Gemm) and rows else 1))
    found = chains(Workload([op for op, _ in items], 1, flow))
    return [[step.index for step in chain.steps] for chain in found]


GEMM, EACH, SUM = Gemm(M, N, K), Hadamard(SIZE), Gemm(M, 1, N, wide=True)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        # the second add needs a product that begins after the first
        (
            [(GEMM, [[-1]]), (EACH, [[0]]), (GEMM, [[1]]), (EACH, [[2], [1]]), (EACH, [[3]])],
            [[1], [3, 4]],
        ),
        # what two products feed runs after the later one
        ([(GEMM, [[-1]]), (GEMM, [[-1]]), (EACH, [[0], [1]]), (EACH, [[2]])], [[2, 3]]),
        # a sum of rows, and what it is taken from, again word by word
        ([(GEMM, [[-1]]), (EACH, [[0]]), (SUM, [[1]]), (EACH, [[1], [2]])], [[1, 2, 3]]),
        # the same after a transposition: rows are columns there
        ([(GEMM, [[-1]]), (EACH, [[0]]), (SUM, [[1, True]]), (EACH, [[1], [2]])], [[1], [2, 3]]),
        # a word a column instead of a word a row
        ([(GEMM, [[-1]]), (EACH, [[0]]), (SUM, [[1]]), (EACH, [[1], [2, True]])], [[1, 2], [3]]),
        # x + its transpose needs all of x
        ([(GEMM, [[-1]]), (EACH, [[0]]), (EACH, [[1], [1, True]])], [[1], [2]]),
        # moved words can go on word by word
        ([(GEMM, [[-1]]), (EACH, [[0]]), (Move(SIZE), [[1]]), (EACH, [[2]])], [[1, 2, 3]]),
        # but not together with those that were not moved
        ([(GEMM, [[-1]]), (EACH, [[0]]), (Move(SIZE), [[1]]), (EACH, [[1], [2]])], [[1, 2], [3]]),
    ],
)
def test_what_joins_a_chain(items: Any, expected: list[list[int]]) -> None:
    assert linked(*items) == expected


def big(**fields: Any) -> Design:
    return Design(rows=8, cols=8, dataflow="os", elementwise_bits=16, **fields)


def test_what_stays_in_the_chain_never_crosses() -> None:
    work, small = attention(512, 512), {"output_buffer": 16384}
    operation = evaluate(big(schedule="operation", **small), work)
    fused = evaluate(big(**small), work)
    tensor = 512 * 512 * 2
    softmax_ = fused.layers.iloc[1:8]
    assert softmax_.dram_reads.sum() <= tensor + 2 * 18 * 3 * 2  # once in, tables apart
    assert softmax_.dram_writes.sum() == tensor
    assert operation.layers.iloc[1:8].dram_writes.sum() > 2 * tensor
    assert fused.latency_s < operation.latency_s
    assert fused.energy_j < operation.energy_j


def test_a_chain_that_joins_spares_the_result_of_its_gemm() -> None:
    size = 256 * 2048
    flow = [
        Flow((Read(OUTSIDE, 256 * 64),), size, "rows", 2048),
        Flow((Read(0, size),), size),
        Flow((Read(1, size),), 256 * 64, "rows", 64),
    ]
    work = Workload([Gemm(256, 2048, 64), Lookup(size, 16, name="gelu"), Gemm(256, 64, 2048)], 1, flow)
    layers = evaluate(big(), work).layers
    assert layers.dram_writes.tolist()[:2] == [0, 2 * size]
    assert layers.dram_reads[1] <= 2 * 18 * 2  # the table
    apart = evaluate(big(schedule="operation"), work).layers
    assert apart.dram_writes.tolist()[:2] == [2 * size, 2 * size]


def test_rows_that_do_not_fit_are_run_an_operation_at_a_time() -> None:
    work = attention(64, 4096)
    small = big(output_buffer=8192)  # a row of 4,096 words of 16 bits, and no room for a second tensor
    assert (
        evaluate(small, work).layers.cycles[1:8].tolist()
        == evaluate(replace(small, schedule="operation"), work).layers.cycles[1:8].tolist()
    )


def test_without_flow_every_operation_runs_by_itself() -> None:
    work = attention(512, 512)
    plain = evaluate(big(), Workload(work.operations))
    operation = evaluate(big(schedule="operation"), work)
    assert plain.layers.equals(operation.layers)
    assert plain.energy_j == operation.energy_j


designs = st.fixed_dictionaries(
    {
        "rows": st.sampled_from([4, 16, 64]),
        "cols": st.sampled_from([4, 16, 64]),
        "dataflow": st.sampled_from(["ws", "os", "is"]),
        "output_buffer": st.sampled_from([1 << size for size in range(15, 21)]),
        "activations": st.sampled_from(["dram", "on_chip"]),
        "buffering": st.sampled_from(["single", "double", "buffet"]),
        "fill": st.sampled_from(["serial", "overlapped", "none"]),
        "elementwise_bits": st.sampled_from([8, 16]),
        "hadamard": st.sampled_from(["diagonal", "full"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(designs, st.integers(1, 300), st.sampled_from([16, 100, 512]))
def test_fused_is_never_slower_and_its_layers_add_up(fields: dict[str, Any], rows: int, row: int) -> None:
    work = attention(rows, row)
    fused, operation = (
        evaluate(Design(schedule=schedule, **fields), work) for schedule in ("fused", "operation")
    )
    assert fused.latency_s <= operation.latency_s
    assert fused.energy_parts["dram"] <= operation.energy_parts["dram"] or fused.cycles < operation.cycles
    for report in (fused, operation):
        layers = report.layers
        assert len(layers) == len(work.operations)
        for name in ("cycles", "stall_cycles", "dram_reads", "dram_writes"):
            assert layers[name].sum() == getattr(report, name)
            assert (layers[name] >= 0).all()
        assert layers.energy_j.sum() == pytest.approx(report.energy_j, rel=1e-12)


def test_a_report_shows_both_schedules() -> None:
    report = evaluate(big(output_buffer=16384), attention(512, 512))
    both = report.schedules
    assert both.latency_s["fused"] == report.latency_s < both.latency_s["operation"]
    assert 0 < both.elementwise["fused"] < both.elementwise["operation"] < 1


@pytest.mark.slow
def test_bert_base_is_mostly_matrix_products() -> None:
    """Three layers at 128 tokens, 64 x 64 cells, 1 MiB scratchpads: over 40% an operation at a time."""
    import torch
    from transformers import BertConfig, BertModel

    import approx

    ids = torch.full((1, 128), 5)
    with torch.device("meta"):
        model = BertModel(BertConfig(num_hidden_layers=3, vocab_size=100)).eval()
        program = approx.trace(model, {"input_ids": ids.to("meta"), "attention_mask": ids.to("meta")})
    mib = {f"{name}_buffer": 1 << 20 for name in ("input", "weight", "output")}
    design = Design(rows=64, cols=64, dataflow="os", technology="28nm", elementwise_bits=16, **mib)
    both = evaluate(replace(design, activations="on_chip"), program.workload()).schedules
    assert both.elementwise["fused"] <= 0.15
    assert 4 * both.latency_s["fused"] <= 5.5e-3
    assert both.elementwise["operation"] > 0.4


def test_many_designs_count_as_one() -> None:
    rng, count = np.random.default_rng(0), 64
    frame = pd.DataFrame(
        {
            "rows": rng.integers(1, 65, count),
            "cols": rng.integers(1, 65, count),
            "dataflow": rng.choice(["ws", "os", "is"], count),
            "output_buffer": 2 ** rng.integers(15, 20, count),
            "schedule": rng.choice(["fused", "operation"], count),
            "activations": rng.choice(["dram", "on_chip"], count),
        }
    )
    work = attention(200, 300)
    found = evaluate_many(frame, work)
    for row, values in enumerate(frame.to_dict("records")):
        if not found.reason[row]:
            report = evaluate(Design(**values), work)
            for name in ("cycles", "energy_j", "dram_reads", "dram_writes"):
                assert getattr(report, name) == found[name][row]
