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
        Flow((Read(1, size, rearranged=True),), 256 * 64, "rows", 64),  # so that it cannot feed the last one
    ]
    work = Workload([Gemm(256, 2048, 64), Lookup(size, 16, name="gelu"), Gemm(256, 64, 2048)], 1, flow)
    layers = evaluate(big(), work).layers
    assert layers.dram_writes.tolist()[:2] == [0, 2 * size]
    assert layers.dram_reads[1] <= 2 * 18 * 2  # the table
    apart = evaluate(big(schedule="operation"), work).layers
    assert apart.dram_writes.tolist()[:2] == [2 * size, 2 * size]


def feeding(rows: int, row: int, *, first: list[Operation], after: list[Operation]) -> Workload:
    """A softmax of rows from elsewhere, or other work, that makes the A of a product."""
    size = rows * row
    flow = [Flow((Read(at - 1, size),), size) for at in range(len(first))]
    operations: list[Operation] = [*first, Gemm(rows, 16, row, "product")]
    flow.append(Flow((Read(len(first) - 1, size),), rows * 16, "rows", 16))
    for op in after:
        flow.append(Flow((Read(len(flow) - 1, rows * 16),), rows * 16))
        operations.append(op)
    return Workload(operations, 1, flow)


def slow(**fields: Any) -> Design:
    """Work that waits for DRAM, so that what is spared shows."""
    return big(dram_bandwidth=3.2e9, **fields)


def test_a_chain_that_feeds_a_gemm_spares_its_operand() -> None:
    size = 512 * 512
    work = feeding(512, 512, first=[Lookup(size, 16, name="gelu"), Hadamard(size)], after=[])
    (chain,) = chains(work)
    assert (chain.gemm, chain.feeds) == (None, 2)
    design = slow()
    layers = evaluate(design, work).layers
    assert layers.dram_writes.tolist() == [0, 0, 2 * 512 * 16]  # it never leaves, but for the product
    assert layers.dram_reads.tolist() == [2 * size, 0, 512 * 16]  # nor comes back; B is of operands
    apart = evaluate(replace(design, schedule="operation"), work).layers
    assert apart.dram_writes.tolist()[:2] == [2 * size, 2 * size]
    assert evaluate(design, work).energy_j < evaluate(replace(design, schedule="operation"), work).energy_j


def test_rows_feed_a_gemm_whose_tiles_hold_them_whole() -> None:
    operations, flow = softmax(256, 512, OUTSIDE, 0)
    flow[0], flow[2] = replace(flow[0], reads=(Read(OUTSIDE, 256 * 512),)), replace(
        flow[2], reads=(Read(OUTSIDE, 256 * 512), Read(1, 256))
    )  # fmt: skip
    last = Flow((Read(6, 256 * 512),), 256 * 16, "rows", 16)
    work = Workload([*operations, Gemm(256, 16, 512, "mix")], 1, [*flow, last])
    assert chains(work)[0].feeds == 7
    whole, cut = slow(), slow(input_buffer=4096)
    assert evaluate(whole, work).layers.dram_writes.tolist()[:7] == [0] * 7
    assert evaluate(cut, work).layers.dram_writes[6] == 2 * 256 * 512  # a row of A, twice, has 8,192 bytes


def test_a_gemm_is_joined_by_one_chain() -> None:
    """Of two the one after it, where that can."""
    size = 512 * 512
    work = feeding(512, 512, first=[Lookup(size, 16, name="gelu")], after=[Hadamard(512 * 16)])
    assert [(chain.gemm, chain.feeds) for chain in chains(work)] == [(None, 1), (1, None)]
    report = evaluate(slow(), work)
    layers = report.layers
    assert layers.dram_writes.tolist() == [2 * size, 0, 0]  # the product is worked on where it is
    assert (layers.stall_cycles >= 0).all()
    assert layers.cycles.sum() == report.cycles


@pytest.mark.parametrize(
    "gemm",
    [
        Gemm(512, 64, 512, a_distinct=512 * 100),  # windows overlap
        Gemm(256, 64, 512),  # some of it
        Gemm(1024, 64, 256),  # as many words in other rows are A too: word by word it can
    ],
)
def test_what_feeds_a_gemm_is_its_a(gemm: Gemm) -> None:
    size = 512 * 512
    flow = [Flow((Read(OUTSIDE, size),), size), Flow((Read(0, size),), gemm.m * gemm.n, "rows", gemm.n)]
    (chain,) = chains(Workload([Lookup(size, 16, name="gelu"), gemm], 1, flow))
    assert chain.feeds == (1 if gemm.m == 1024 else None)


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
        "dram_bandwidth": st.sampled_from([1e9, 25.6e9]),
    }
)


@settings(max_examples=60, deadline=None)
@given(designs, st.integers(1, 300), st.sampled_from([16, 100, 512]), st.booleans())
def test_fused_is_never_slower_and_its_layers_add_up(
    fields: dict[str, Any], rows: int, row: int, feeds: bool
) -> None:
    work = attention(rows, row)
    if feeds:  # a chain before a product, and one after it
        before: list[Operation] = [Lookup(rows * row, 16, name="gelu"), Hadamard(rows * row)]
        work = feeding(rows, row, first=before, after=[Hadamard(rows * 16)])
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
    frame["dram_bandwidth"] = rng.choice([2e9, 25.6e9], count)
    before: list[Operation] = [Lookup(200 * 300, 16, name="gelu"), Hadamard(200 * 300)]
    for work in (attention(200, 300), feeding(200, 300, first=before, after=[])):
        check_many(frame, work)


def check_many(frame: pd.DataFrame, work: Workload) -> None:
    found = evaluate_many(frame, work)
    for row, values in enumerate(frame.to_dict("records")):
        if not found.reason[row]:
            report = evaluate(Design(**values), work)
            for name in ("cycles", "energy_j", "dram_reads", "dram_writes"):
                assert getattr(report, name) == found[name][row]
