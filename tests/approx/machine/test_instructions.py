"""Every op of the machine's tables against PyTorch's own."""

from typing import Any

import numpy as np
import pytest
import torch

from approx.machine import TABLES
from approx.machine.units import Units
from approx.machine.words import Words, guarded
from approx.network.instructions import INSTRUCTIONS, Kind

Call = tuple[Any, ...]
"""Arguments; those by name in a dict at the end."""


def f(*shape: int) -> torch.Tensor:
    """Floats, each different."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def i(*shape: int, below: int = 3) -> torch.Tensor:
    """Integers from 0."""
    return torch.randint(0, below, shape, generator=torch.Generator().manual_seed(sum(shape)))


def b(*shape: int) -> torch.Tensor:
    """A mask."""
    return i(*shape, below=2).bool()


GEMM: dict[str, list[Call]] = {
    "linear.default": [(f(2, 3, 4), f(5, 4)), (f(2, 4), f(5, 4), f(5))],
    "matmul.default": [(f(2, 3, 4), f(4, 5)), (f(2, 1, 3, 4), f(6, 4, 5)), (f(4), f(4, 5)), (f(4), f(4))],
    "mm.default": [(f(3, 4), f(4, 5))],
    "bmm.default": [(f(2, 3, 4), f(2, 4, 5))],
    "conv1d.default": [(f(2, 4, 9), f(6, 2, 3), f(6), [2], [1], [2], 2), (f(4, 9), f(6, 4, 3))],
    "conv2d.default": [
        (f(2, 4, 9, 8), f(6, 2, 3, 2), f(6), [2, 1], [1, 0], [1, 2], 2),
        (f(2, 3, 5, 5), f(4, 3, 2, 2)),
        (f(2, 4, 6, 6), f(4, 1, 3, 3), None, [1], [1], [1], 4),
    ],
    "conv3d.default": [(f(2, 2, 5, 4, 6), f(4, 2, 2, 3, 1), f(4), [1, 2, 1], [0, 1, 1])],
    "conv_transpose1d.default": [(f(2, 4, 5), f(4, 3, 3), f(6), [2], [1], [1], 2, [2])],
    "conv_transpose2d.input": [
        (f(2, 4, 5, 3), f(4, 3, 3, 2), None, [2, 1], [1, 0]),
        (f(2, 4, 5, 3), f(4, 3, 3, 2), f(6), [2, 3], [1, 0], [1, 2], 2, [1, 2]),
    ],
    "conv_transpose3d.input": [(f(2, 2, 3, 2, 2), f(2, 3, 2, 2, 1), f(3), [2, 1, 2])],
    "convolution.default": [
        (f(2, 4, 9), f(6, 2, 3), f(6), [2], [1], [2], False, [0], 2),
        (f(2, 4, 5), f(4, 3, 3), f(6), [2], [1], [2], True, [1], 2),
    ],
    "sum.dim_IntList": [(f(2, 3, 4), [1]), (f(2, 3, 4), [-1, 0], True), (f(2, 3), None), (f(2, 1, 3), [1])],
    "cumsum.default": [(i(2, 5), 1), (b(2, 5), -1), (i(2, 5), 0)],
    "mean.dim": [(f(2, 3, 4), [1]), (f(2, 3, 4), [-1, -2], True), (f(2, 3, 4), None)],
    "avg_pool1d.default": [(f(2, 3, 9), [2]), (f(2, 3, 9), [3], [2], [1], True, False)],
    "avg_pool2d.default": [
        (f(2, 3, 8, 6), [2, 3]),
        (f(2, 3, 7, 6), [3, 2], [2, 2], [1, 1], True),
        (f(2, 3, 7, 6), [3, 2], [2, 2], [1, 0], True, False),
        (f(2, 3, 7, 6), [3, 2], [2, 1], [1, 0], False, True, 5),
    ],
    "avg_pool3d.default": [(f(2, 3, 4, 6, 5), [2, 3, 1]), (f(2, 2, 4, 6, 5), [2], [2], [1])],
}
HADAMARD: dict[str, list[Call]] = {
    "add.Scalar": [(f(2, 3), 1.5, 2)],
    "add.Tensor": [(f(2, 3), f(3)), (f(2, 3), i(3)), (f(2, 3), 2), (f(2, 3), f(3), {"alpha": 2})],
    "mul.Scalar": [(f(2, 3), 3)],
    "mul.Tensor": [(f(2, 3), f(2, 1)), (f(2, 3), 0.1)],
    "neg.default": [(f(2, 3),)],
    "sub.Scalar": [(f(2, 3), 1.5)],
    "sub.Tensor": [(f(2, 3), f(2, 1)), (f(2, 3), 0.1, {"alpha": -2})],
    "index_add.default": [(f(4, 3), 0, torch.tensor([2, 2, 0]), f(3, 3)), (f(2, 4), 1, i(5), f(2, 5))],
    "scatter_add.default": [(f(4, 3), 0, i(6, 2), f(6, 3)), (f(2, 4), -1, i(2, 6), f(2, 6))],
    **{f"{op}.default": [(f(4, 9) * 3,)] for op in ("ceil", "floor", "round", "trunc")},
    **{f"{op}.default": [(b(2, 3),)] for op in ("bitwise_not", "logical_not")},
    **{f"logical_{op}.default": [(b(2, 9), b(9))] for op in ("and", "or", "xor")},
    **{
        f"{form}.Tensor": [(b(2, 9), b(9))]
        for op in ("and", "or", "xor")
        for form in (f"__{op}__", f"bitwise_{op}")
    },
}
TIED = torch.tensor([[1.0, -2.0, 3.0, 3.0, -2.0], [0.0, 0.0, 0.0, 0.0, 0.0], [3.0, 1.0, 3.0, 2.0, 3.0]])
INFINITE = torch.tensor([[-torch.inf, 1.0, -3.4e38], [2.0, 3.4e38, -3.4e38]])
LOOKUP: dict[str, list[Call]] = {
    "amax.default": [(f(2, 7), [-1], True), (f(2, 3, 4), [0, 2]), (INFINITE, [1]), (f(2, 3), [])],
    "clamp.default": [(f(2, 9), -0.5, 0.5), (f(2, 9), None, 0.1), (f(2, 9), 0, None)],
    "clamp_min.default": [(f(2, 9), 0.25), (INFINITE, -3.4028234663852886e38)],
    "clamp_max.default": [(f(2, 9), 0.25)],
    "max_pool1d.default": [(f(2, 3, 9), [2]), (f(2, 3, 9), [3], [2], [1], [2], True)],
    "max_pool2d.default": [
        (f(2, 3, 8, 6), [2, 3]),
        (f(2, 3, 7, 6), [3, 3], [2, 2], [1, 1]),
        (f(2, 3, 7, 6), [3, 2], [2, 2], [1, 1], [1, 2], True),
        (f(3, 7, 6), [3], [2]),
    ],
    "max_pool3d.default": [(f(2, 3, 4, 6, 5), [2, 3, 1], [1, 1, 2])],
    "maximum.default": [(f(2, 9), f(9)), (INFINITE[:, :2], INFINITE[:, 1:])],
    "minimum.default": [(f(2, 9), f(9))],
    **{f"{op}.Scalar": [(i(2, 9), 1), (f(2, 9), 0.5)] for op in ("eq", "ge", "gt", "le", "lt", "ne")},
    **{
        f"{op}.Tensor": [(f(2, 9), f(9)), (TIED, TIED.flip(1))] for op in ("eq", "ge", "gt", "le", "lt", "ne")
    },
    "argmax.default": [(TIED, -1), (TIED, 0, True), (TIED,)],
    "argmin.default": [(TIED, 1, True), (f(2, 9), 0)],
    "embedding.default": [(f(5, 3), i(2, 4), 0)],
    "gather.default": [(f(4, 3), 0, i(2, 3))],
    "index.Tensor": [(f(3, 4), [None, i(5)])],
    "index_select.default": [(f(4, 3), 1, i(5))],
    "masked_fill.Scalar": [(f(2, 3), b(2, 3), -7.0)],
    "sort.stable": [
        (TIED, {"stable": True, "dim": 1, "descending": True}),
        (TIED, {"stable": True, "dim": 0, "descending": False}),
        (f(3, 7), {"stable": True, "dim": -1}),
    ],
    "where.Scalar": [(b(2, 3), 0.0, 1.0)],
    "where.ScalarOther": [(b(2, 3), f(2, 3), 1.0)],
    "where.ScalarSelf": [(b(2, 3), 1.0, f(2, 3))],
    "where.self": [(b(2, 1), f(2, 3), f(3))],
}
MOVE: dict[str, list[Call]] = {
    "_unsafe_view.default": [(f(2, 6), [3, -1])],
    "alias.default": [(f(2),)],
    "cat.default": [([f(2, 3), f(2, 4)], -1), ([f(0), f(3)],)],
    "channel_shuffle.default": [(f(2, 6, 2, 2), 3)],
    "chunk.default": [(f(7, 2), 3), (f(2, 6), 2, -1)],
    "clone.default": [(f(2, 3),)],
    "constant_pad_nd.default": [(f(2, 3), [1, 2], 0.5), (f(2, 5), [-1, 1, 0, -1])],
    "contiguous.default": [(f(2, 3),)],
    "detach.default": [(f(2),)],
    "diagonal.default": [(f(3, 4), 1), (f(2, 3, 3), 0, -2, -1)],
    "embedding.default": [(f(5, 3), i(2, 4), 0)],
    "expand.default": [(f(2, 1, 3), [4, -1, 5, 3])],
    "flatten.using_ints": [(f(2, 3, 4, 5), 1), (f(2, 3, 4, 5), -3, -2)],
    "flip.default": [(f(2, 3, 4), [0, -1])],
    "gather.default": [(f(4, 3), 0, i(2, 3)), (f(2, 5), -1, i(2, 7))],
    "im2col.default": [(f(2, 3, 6, 5), [2, 3], [2, 1], [1, 0], [2, 1])],
    "index.Tensor": [(f(3, 4), [None, i(5)]), (f(3, 4), [i(2, 1), i(3)])],
    "index_copy.default": [(f(4, 3), 0, torch.tensor([3, 1]), f(2, 3))],
    "index_select.default": [(f(4, 3), 1, i(5))],
    "masked_fill.Scalar": [(f(2, 3), b(2, 3), -torch.inf)],
    "pad.default": [
        (f(2, 3), [1, 2]),
        (f(2, 3, 4, 4), [1, 2, 0, 1], "reflect"),
        (f(2, 3, 4), [1, 2], "replicate"),
        (f(2, 3, 4), [1, 2], "circular"),
        (f(2, 3), [0, 1], "constant", 7.0),
    ],
    "permute.default": [(f(2, 3, 4), [2, 0, 1])],
    "pixel_shuffle.default": [(f(2, 12, 2, 3), 2)],
    "pixel_unshuffle.default": [(f(2, 3, 4, 6), 2)],
    "repeat.default": [(f(2, 3), [3, 1, 2])],
    "repeat_interleave.self_int": [(f(2, 3), 2, 1), (f(2, 3), 2)],
    "reshape.default": [(f(2, 6), [3, -1])],
    "roll.default": [(f(2, 5), [2], [1]), (f(2, 5), [3]), (f(2, 5), [1, -2], [0, 1])],
    "scatter.src": [(f(4, 3), 0, torch.tensor([[0, 2, 1], [3, 1, 0]]), f(3, 3))],
    "scatter.value": [(f(2, 5), -1, i(2, 2), 9.0)],
    "select.int": [(f(2, 3), -1, -2)],
    "select_scatter.default": [(f(2, 3), f(2), 1, -1)],
    "slice.Tensor": [(f(9, 2), 0, 1, 9223372036854775807, 3), (f(2, 5), -1, -3)],
    "slice_scatter.default": [(f(9, 2), f(3, 2), 0, 1, 9223372036854775807, 3)],
    "split.Tensor": [(f(7, 2), 3), (f(2, 6), 4, -1)],
    "split_with_sizes.default": [(f(2, 6), [1, 5], -1)],
    "squeeze.default": [(f(1, 2, 1),)],
    "squeeze.dim": [(f(1, 2, 1), -1), (f(1, 2, 1), 1)],
    "squeeze.dims": [(f(1, 2, 1), [0, 1])],
    "stack.default": [([f(2, 3), f(2, 3)], -1)],
    "t.default": [(f(2, 3),)],
    "tile.default": [(f(2, 3), [2, 2])],
    "to.dtype": [(f(2, 3), torch.float32)],
    "transpose.int": [(f(2, 3, 4), -1, 0)],
    "tril.default": [(f(3, 4), -1), (f(2, 3, 3),)],
    "triu.default": [(f(3, 4), 1)],
    "unbind.int": [(f(2, 3), 1)],
    "unflatten.int": [(f(2, 6), -1, [3, -1])],
    "unfold.default": [(f(2, 9), 1, 3, 2)],
    "unsqueeze.default": [(f(2, 3), -1), (f(2, 3), 1)],
    "view.default": [(f(2, 6), [3, -1])],
    "where.Scalar": [(b(2, 3), 0.0, -torch.inf)],
    "where.ScalarOther": [(b(2, 3), f(2, 3), 1.0)],
    "where.ScalarSelf": [(b(2, 3), 1.0, f(2, 3))],
    "where.self": [(b(2, 1), f(2, 3), f(3))],
}
WHOLE_LINE = ("abs", "ceil", "cos", "exp", "expm1", "floor", "isfinite", "isinf", "isnan", "neg", "round")
WHOLE_LINE += ("sign", "sin", "square", "tanh")
POSITIVE = f(2, 3).abs() + 0.5
TWO_INTEGERS = (i(2, 3, below=9), i(2, 3, below=8) + 1)
HOST: dict[str, list[Call]] = {
    **{f"{op}.Scalar": [(i(2, 3), 1), (f(2, 3), 0.5)] for op in ("eq", "ge", "gt", "le", "lt", "ne")},
    **{f"{op}.Tensor": [TWO_INTEGERS, (f(2, 3), i(3))] for op in ("eq", "ge", "gt", "le", "lt", "ne")},
    **{f"{op}.Scalar": [(TWO_INTEGERS[0], 3)] for op in ("__and__", "__or__", "bitwise_and", "bitwise_or")},
    **{
        f"{op}.Tensor": [TWO_INTEGERS, (b(2, 3), b(3))]
        for op in ("__and__", "__or__", "bitwise_and", "bitwise_or", "bitwise_xor")
    },
    "bitwise_xor.Scalar": [(TWO_INTEGERS[0], 3)],
    **{f"{op}.default": [(f(2, 3),)] for op in WHOLE_LINE},
    **{f"{op}.default": [(POSITIVE,)] for op in ("log", "log1p", "log2", "reciprocal", "rsqrt", "sqrt")},
    **{f"{op}.default": [(b(2, 3),)] for op in ("bitwise_not", "logical_not")},
    "_to_copy.default": [(i(2, 3),)],
    "add.Tensor": [(*TWO_INTEGERS, {"alpha": 3}), (i(2, 3), 2), (i(3), f(2, 3))],
    "all.default": [(b(2, 3),)],
    "all.dim": [(b(2, 3), 1)],
    "any.default": [(b(2, 3),)],
    "any.dim": [(b(2, 3), -1, True)],
    "arange.default": [(5,)],
    "arange.start": [(2, 7)],
    "arange.start_step": [(1, 9, 3)],
    "argmax.default": [(i(2, 5, below=99), -1), (i(2, 5, below=99), 1, True), (i(2, 5, below=99),)],
    "clamp.default": [(i(2, 5), 1, 1), (i(2, 5), None, 1)],
    "clamp_max.default": [(i(2, 5), 1)],
    "clamp_min.default": [(i(2, 5), 1)],
    "copy.default": [(i(2, 3), i(3))],
    "cumsum.default": [(i(2, 5), 1), (b(2, 5), -1)],
    "diff.default": [(i(2, 5),), (i(2, 5), 1, -1, i(2, 1)), (i(2, 5), 2, 1)],
    "div.Scalar": [(i(2, 3), 4)],
    "div.Tensor": [TWO_INTEGERS, (i(2, 3), 4)],
    "div.Tensor_mode": [(*TWO_INTEGERS, {"rounding_mode": m}) for m in (None, "floor", "trunc")],
    "dropout.default": [(f(2, 3), 0.5, False)],
    "expand_as.default": [(i(3), f(2, 3))],
    "fill.Scalar": [(i(2, 3), 7)],
    "fill.Tensor": [(i(2, 3), torch.tensor(7))],
    "floor_divide.default": [TWO_INTEGERS],
    "full.default": [([2, 3], 1.5)],
    "full_like.default": [(f(2, 3), 2)],
    "lift_fresh_copy.default": [(i(2, 3),)],
    "logical_and.default": [(b(2, 3), b(3))],
    "logical_or.default": [(b(2, 3), b(3))],
    "linspace.default": [(0.0, 1.0, 5)],
    "masked_fill.Tensor": [(i(2, 3), b(2, 3), torch.tensor(5))],
    "max.default": [(i(2, 3, below=9),)],
    "max.other": [TWO_INTEGERS],
    "maximum.default": [TWO_INTEGERS],
    "meshgrid.default": [([i(2), i(3)],)],
    "meshgrid.indexing": [([i(2), i(3)], {"indexing": "xy"})],
    "min.default": [(i(2, 3, below=9),)],
    "min.other": [TWO_INTEGERS],
    "minimum.default": [TWO_INTEGERS],
    "mul.Tensor": [TWO_INTEGERS, (i(2, 3), f(3))],
    "new_ones.default": [(f(2, 3), [4])],
    "new_zeros.default": [(i(2, 3), [4])],
    "ones.default": [([2, 3],)],
    "ones_like.default": [(i(2, 3),)],
    "pow.Scalar": [(2.0, i(2, 3))],
    "pow.Tensor_Scalar": [(i(2, 3), 2), (POSITIVE, -0.5)],
    "pow.Tensor_Tensor": [(POSITIVE, i(2, 3))],
    "remainder.Tensor": [TWO_INTEGERS],
    "remainder.Scalar": [(i(2, 3, below=9), 4)],
    "rsub.Scalar": [(i(2, 3), 5, 2)],
    "scalar_tensor.default": [(2.5,)],
    "sub.Tensor": [TWO_INTEGERS, (i(2, 3), 2)],
    "sum.default": [(i(2, 3),)],
    "sum.dim_IntList": [(i(2, 3), [1]), (i(2, 3), [0], True)],
    "sym_size.int": [(f(2, 3), 1)],
    "eye.default": [(3,)],
    "new_full.default": [(f(2, 3), [2], 0.5)],
    "sym_numel.default": [(f(2, 3),)],
    "to.device": [(i(2, 3), torch.device("cpu"), torch.float32)],
    "to.dtype": [(i(2, 3), torch.float32), (i(2, 3), torch.bool)],
    "to.dtype_layout": [(i(2, 3),)],
    "to.other": [(i(2, 3), f(2))],
    "type_as.default": [(i(2, 3), f(2))],
    "zeros.default": [([2, 3],)],
    "zeros_like.default": [(f(2, 3),)],
}
EXAMPLES = {"gemm": GEMM, "hadamard": HADAMARD, "lookup": LOOKUP, "move": MOVE, "host": HOST}
CALLS = [
    pytest.param(kind, name, call, id=f"{kind}-{name}-{n}")
    for kind, ops in EXAMPLES.items()
    for name, calls in ops.items()
    for n, call in enumerate(calls)
]
NOT_ATEN = {"table"} | {name for table in TABLES.values() for name in table if not name.startswith("aten.")}


def to_machine(value: Any, wrap: bool) -> Any:
    if isinstance(value, torch.Tensor):
        return guarded(value.numpy()) if wrap else value.numpy()
    if isinstance(value, list):
        return [to_machine(item, wrap) for item in value]
    if isinstance(value, torch.dtype):
        return np.dtype(str(value).removeprefix("torch."))
    return None if isinstance(value, torch.device) else value


@pytest.mark.parametrize(("kind", "name", "call"), CALLS)
def test_an_op_gives_what_torch_gives(kind: str, name: str, call: Any) -> None:
    packet, overload = name.split(".")
    *call, named = call if isinstance(call[-1], dict) else (*call, {})
    expected = getattr(getattr(torch.ops.aten, packet), overload)(*call, **named)
    function = TABLES[kind][f"aten.{name}"]
    unit = () if kind in ("move", "host") else (Units(),)
    got = function(*unit, *to_machine(call, wrap=kind != "host"), **named)
    parts = zip(expected, got, strict=True) if isinstance(expected, list | tuple) else [(expected, got)]
    for want, have in parts:
        compare(want, have, same_type=kind not in ("move", "host"))


def compare(want: Any, have: Any, same_type: bool) -> None:
    largest = torch.finfo(torch.float32).max
    expected = np.asarray(want)
    result = np.asarray(have)
    assert result.shape == expected.shape
    if same_type and np.issubdtype(expected.dtype, np.floating):
        assert result.dtype == np.float32
        expected = np.clip(expected, -largest, largest)  # the units saturate
    result = result.astype(expected.dtype)  # as the executor does with what a program states
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", TABLES)
def test_every_op_of_the_machine_is_compared(kind: str) -> None:
    compared = {f"aten.{name}" for name in EXAMPLES[kind]}
    elsewhere = {f"aten.{name}" for ops in EXAMPLES.values() for name in ops} if kind == "host" else set()
    assert set(TABLES[kind]) - NOT_ATEN <= compared | elsewhere
    assert compared <= set(TABLES[kind])


@pytest.mark.parametrize("target", INSTRUCTIONS, ids=str)
def test_every_instruction_has_an_implementation(target: Any) -> None:
    kind = INSTRUCTIONS[target].kind
    assert str(target) in TABLES[kind.value]
    assert kind is not Kind.HOST


@pytest.mark.parametrize("name", ["gemm", "hadamard", "lookup", "move"])
def test_floats_stay_words(name: str) -> None:
    for op, calls in EXAMPLES[name].items():
        for call in calls:
            unit = () if name == "move" else (Units(),)
            arguments = [a for a in call if not isinstance(a, dict)]
            got = TABLES[name][f"aten.{op}"](*unit, *to_machine(arguments, wrap=True))
            for part in got if isinstance(got, list | tuple) else [got]:
                assert isinstance(guarded(part), Words) or part.dtype.kind in "bi", op
