"""What feeds what in a workload: the results that each operation consumes, and what must be on chip together.

A workload with flow can be scheduled as a compiler would (`accel_models.schedule`); one without runs an
operation at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accel_models.checks import IntRange, refuse

OUTSIDE = -1
"""The source of what no operation computes: inputs, masks and parameters."""
_ELEMENTS = IntRange(1, 10**12)
_FIELDS = ("reads", "writes", "group", "block")


@dataclass(frozen=True)
class Read:
    """One tensor that an operation consumes.

    Attributes:
        source: The operation that computes it, by its place in the workload, or `OUTSIDE`.
        elements: Words read, before they are broadcast.
        rearranged: Whether they come in another order than they were computed in (a transposing view).
    """

    source: int
    elements: int
    rearranged: bool = False


@dataclass(frozen=True)
class Flow:
    """The data of one operation.

    Attributes:
        reads: The tensors that it consumes, but for a GEMM's weights.
        writes: Elements of its result.
        group: Which words of its input have to be on chip together, in words that tell groups apart: "" for
            any one (element-wise work), "rows" for trailing rows of a tensor, anything else for groups that
            no other operation has, such as the windows of one pool. Of a GEMM: "rows" where a row of its
            result (N words) is a trailing row of the tensor.
        block: Words of a group; 1 without one.
    """

    reads: tuple[Read, ...]
    writes: int
    group: str = ""
    block: int = 1


def check(flow: Sequence[Flow], operations: int) -> None:
    """Refuse a flow that does not go with as many operations.

    Raises:
        ValueError: Naming the operation and the field.
    """
    if len(flow) != operations:
        raise refuse("workload.flow", f"{len(flow)} entries", f"{operations}, one for each operation")
    for index, item in enumerate(flow):
        where = f"workload.flow[{index}]"
        if not isinstance(item, Flow):
            raise refuse(where, repr(item), "a Flow")
        _ELEMENTS.check(f"{where}.writes", item.writes)
        _ELEMENTS.check(f"{where}.block", item.block)
        for read in item.reads:
            IntRange(OUTSIDE, index - 1).check(f"{where}.source", read.source)
            _ELEMENTS.check(f"{where}.elements", read.elements)


def to_plain(flow: Flow) -> dict[str, Any]:
    """Return plain values for JSON; `from_plain` reads them back."""
    reads = [[read.source, read.elements, read.rearranged] for read in flow.reads]
    return {"reads": reads, "writes": flow.writes, "group": flow.group, "block": flow.block}


def from_plain(index: int, values: Any) -> Flow:
    """Return the flow of an operation from plain values.

    Raises:
        ValueError: Naming the operation and what is wrong.
    """
    where = f"workload.operations[{index}].flow"
    if not isinstance(values, Mapping) or set(values) != set(_FIELDS):
        raise refuse(where, values, f"a table of {', '.join(_FIELDS)}")
    reads = values["reads"]
    if not isinstance(reads, list) or not all(isinstance(read, list) and len(read) == 3 for read in reads):
        raise refuse(f"{where}.reads", reads, "a list of [source, elements, rearranged]")
    if not isinstance(values["group"], str):
        raise refuse(f"{where}.group", values["group"], "text")
    return Flow(tuple(Read(*read) for read in reads), values["writes"], values["group"], values["block"])


def without(flow: Sequence[Flow], dropped: Sequence[bool]) -> tuple[Flow, ...]:
    """Return the flow of the operations that stay; who read a dropped one reads what that one read."""
    places: dict[int, int] = {OUTSIDE: OUTSIDE}
    kept: list[Flow] = []
    for index, (item, drop) in enumerate(zip(flow, dropped, strict=True)):
        reads = tuple(Read(places[r.source], r.elements, r.rearranged) for r in item.reads)
        if drop:
            places[index] = reads[0].source if reads else OUTSIDE
        else:
            places[index] = len(kept)
            kept.append(Flow(reads, item.writes, item.group, item.block))
    return tuple(kept)
