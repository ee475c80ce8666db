"""In-place ops as functions: what a write to a tensor means for its views, and for what it is a view of.

A matrix program has values, not memory. After `x[:, 0].add_(1)` the new value of the column is written back
into x by a scatter, and every other view of x that is still to be read is taken anew. A buffer that a model
writes becomes an input of the program, and its new value a result.
"""

import operator
import sys
from collections.abc import Callable
from typing import Any

from torch import fx

from approx.network.builder import Builder
from approx.network.host import CONVERSIONS
from approx.network.nodes import aten

Inverse = Callable[..., fx.Node]

_MARKS = {aten.detach_.default}
"""Ops in place that leave every word as it is."""


def is_in_place(target: Any) -> bool:
    """Whether an op writes to its first argument."""
    schema = getattr(target, "_schema", None)
    return schema is not None and schema.is_mutable and bool(schema.arguments[0].alias_info)


def functional(target: Any) -> Any:
    """The op that computes what the in-place `target` stores: add for add_, & for &=."""
    name = target._opname
    packet = getattr(aten, f"__{name[3:]}" if name.startswith("__i") else name.removesuffix("_"), None)
    if packet is None:
        return None
    types = [str(a.type) for a in target._schema.arguments]
    overloads = [getattr(packet, name) for name in packet.overloads()]
    alike = [o for o in overloads if [str(a.type) for a in o._schema.arguments][: len(types)] == types]
    return next((o for o in alike if not o._schema.is_mutable and not _writes_out(o)), None)


def writes(node: fx.Node) -> bool:
    """Whether a node of the source changes words: an in-place op that does more than mark its argument."""
    return is_in_place(node.target) and node.target not in _MARKS


def written_sources(graph: fx.Graph) -> list[fx.Node]:
    """Inputs, buffers and constants of the source that an in-place op writes, itself or through views."""
    found: dict[fx.Node, None] = {}
    for node in graph.nodes:
        written: Any = node.args[0] if node.op == "call_function" and writes(node) else None
        while isinstance(written, fx.Node) and written.op == "call_function" and _may_be_view(written):
            written = written.args[0]
        if isinstance(written, fx.Node) and written.op in ("placeholder", "get_attr"):
            found[written] = None
    return list(found)


def _writes_out(overload: Any) -> bool:
    return any(a.is_out for a in overload._schema.arguments)


def _select(b: Builder, whole: fx.Node, part: fx.Node, dim: int, index: int) -> fx.Node:
    return b.op(aten.select_scatter.default, whole, part, dim, index)


def is_whole(_: int = 0, start: Any = None, end: Any = None, step: int = 1) -> bool:
    """Whether a slice is all of its axis, as in x[:]."""
    begins = start is None or (isinstance(start, int) and start == 0)
    ends = end is None or (isinstance(end, int) and end == sys.maxsize)
    return begins and ends and step == 1


def _slice(
    b: Builder,
    whole: fx.Node,
    part: fx.Node,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> fx.Node:
    if is_whole(dim, start, end, step):
        return part
    return b.op(aten.slice_scatter.default, whole, part, dim, start, end, step)


def _reshaped(b: Builder, whole: fx.Node, part: fx.Node, *_: Any) -> fx.Node:
    return b.op(aten.reshape.default, part, b.sizes(whole))


def _transposed(b: Builder, _: fx.Node, part: fx.Node, dim: int, other: int) -> fx.Node:
    return b.op(aten.transpose.int, part, dim, other)


def _permuted(b: Builder, _: fx.Node, part: fx.Node, dims: list[int]) -> fx.Node:
    order = [d % len(dims) for d in dims]
    return b.op(aten.permute.default, part, [order.index(i) for i in range(len(order))])


def _same(_: Builder, __: fx.Node, part: fx.Node, *___: Any) -> fx.Node:
    return part


_INVERSES: dict[Any, Inverse] = {
    aten.select.int: _select,
    aten.slice.Tensor: _slice,
    aten.view.default: _reshaped,
    aten.squeeze.default: _reshaped,
    aten.squeeze.dim: _reshaped,
    aten.unsqueeze.default: _reshaped,
    aten.unflatten.int: _reshaped,
    aten.transpose.int: _transposed,
    aten.permute.default: _permuted,
    aten.alias.default: _same,
    aten.detach.default: _same,
    aten.detach_.default: _same,
}


def _may_be_view(node: fx.Node) -> bool:
    """Whether the node, or what it is a part of, may share memory with its first argument."""
    if node.target in CONVERSIONS:
        return _is_same_type(node)
    source: Any = node.args[0] if node.target is operator.getitem else node
    schema = getattr(source.target, "_schema", None)
    return schema is not None and any(r.alias_info is not None for r in schema.returns)


def _is_same_type(node: fx.Node) -> bool:
    """Whether a conversion of type or device has nothing to convert, and so gives its argument."""
    source: Any = node.args[0]
    x, y = source.meta["val"], node.meta["val"]
    return bool(node.target is not aten._to_copy.default and x.dtype == y.dtype and x.device == y.device)


def _inverse(node: fx.Node) -> Inverse | None:
    if is_in_place(node.target) or (node.target in CONVERSIONS and _is_same_type(node)):
        return _same
    return _INVERSES.get(node.target)


def store(
    b: Builder, node: fx.Node, result: Any, values: dict[fx.Node, Any], again: Callable[[fx.Node], Any]
) -> None:
    """Let `values` show what the in-place op `node` did, besides giving `result`.

    Args:
        b: where scatters are emitted.
        node: the op, of the source graph; its first argument is written.
        result: the new value of that argument.
        values: new values by source node; only what was already translated is in it.
        again: translates a view once more.

    Raises:
        UnsupportedOperator: the write cannot be followed to what is read later.
    """
    written: Any = node.args[0]
    values[written] = result
    changed = [written, node]
    while (inverse := _inverse(written)) is not None:
        whole: Any = written.args[0]
        values[whole] = inverse(b, values[whole], values[written], *written.args[1:])
        written = whole
        changed.append(written)
    values[node] = result
    followed = list(changed)
    through = written.target
    while _may_be_view(written):
        changed.append(written)
        written = written.args[0]
        stays = isinstance(written, fx.Node) and written.op in ("placeholder", "get_attr")
        if stays or _read_later(written, values, set(changed)):
            raise b.refusal(f"it writes through {through}, whose source is read later")
    for whole in reversed(followed):
        _refresh(b, whole, values, set(changed), again)


def _refresh(
    b: Builder,
    whole: fx.Node,
    values: dict[fx.Node, Any],
    done: set[fx.Node],
    again: Callable[[fx.Node], Any],
) -> None:
    """Take the views of `whole` anew that were taken before the write and are read after it."""
    for part in [user for user in whole.users if user in values and user not in done]:
        if not part.args or part.args[0] is not whole:
            continue
        if _inverse(part) is None and _may_be_view(part) and _read_later(part, values, done):
            raise b.refusal(f"it changes what {part.target} may be a view of, which is read later")
        if _inverse(part) is not None:
            done.add(part)
            values[part] = values[whole] if is_in_place(part.target) else again(part)
            _refresh(b, part, values, done, again)


def _read_later(node: Any, values: dict[fx.Node, Any], done: set[fx.Node]) -> bool:
    """Whether `node` or a view of it has a reader that is still to be translated."""
    if not isinstance(node, fx.Node):
        return False
    views = [u for u in node.users if u in values and u not in done]
    return any(u not in values for u in node.users) or any(
        _read_later(u, values, {*done, node}) for u in views if _may_be_view(u)
    )
