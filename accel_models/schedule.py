"""Chains of element-wise work between GEMMs, as a compiler would fuse them.

A chain is run a block at a time: a tile of words, or as many whole rows or lines of a pool's window as fit
on chip. What it reads from elsewhere is read once, what nobody else needs never leaves. A chain that works on
the result of a GEMM that nobody else reads can join it, and work on each tile of the result before it leaves.
One whose result is the operand A of a GEMM, and nothing else, can join that one, and make each tile of A.

An operation joins the chain of one that feeds it if

- it takes that result whole, and word by word, or as one word a row of the chain's rows;
- all that it reads from elsewhere is there before the chain begins, so that the chain can run at once;
- its groups (rows of a softmax, windows of a pool) are the chain's, and no rearrangement lies between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from accel_models.flow import OUTSIDE, Flow, Read
from accel_models.workload import Gemm, Lookup, Move, Operation, Workload


@dataclass(frozen=True)
class Stream:
    """A tensor that a chain reads from elsewhere.

    Attributes:
        elements: Words, read once.
        made: Whether an operation of the workload computed it, so that it may still be on chip.
        joined: Whether it is the result of the GEMM that the chain joins.
    """

    elements: int
    made: bool
    joined: bool


@dataclass(frozen=True)
class Step:
    """One operation of a chain.

    Attributes:
        index: Its place in the workload.
        reads: Tensors from elsewhere that no step before it read.
        leaves: Words of its result that others need.
    """

    index: int
    reads: tuple[Stream, ...]
    leaves: int


@dataclass(frozen=True)
class Chain:
    """Operations that run a block at a time.

    Attributes:
        steps: In order.
        elements: Words of its largest tensor.
        live: Most words alive at once, if tensors were worked on whole.
        block: Words of the largest tensor that must be on chip together.
        rows: Whether these are rows, which a tile of a GEMM's result may hold whole.
        gemm: Place of the GEMM before it that it can join, or none.
        feeds: Place of the GEMM after it that it can join, or none.
        kind: Equal for chains of a workload that differ in their operations alone.
    """

    steps: tuple[Step, ...]
    elements: int
    live: int
    block: int
    rows: bool
    gemm: int | None
    feeds: int | None = None
    kind: int = 0


def chained(operation: Operation) -> bool:
    """Return whether an operation is element-wise work: all but products of two matrices."""
    return not isinstance(operation, Gemm) or (operation.wide and operation.n == 1)


def chains(workload: Workload) -> tuple[Chain, ...]:
    """Return the chains of a workload, each operation of element-wise work in one; none without flow."""
    if workload.flow is None:
        return ()
    kinds = tuple((type(op), chained(op)) for op in workload.operations)
    return _chains(_Same(workload), kinds)


class _Same:
    """A workload that stands for all with the very same flow: tables change from one to the next, no more."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload

    def __hash__(self) -> int:
        return id(self.workload.flow)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.workload.flow is self.workload.flow


@lru_cache(maxsize=64)
def _chains(same: _Same, _kinds: tuple[tuple[type[Operation], bool], ...]) -> tuple[Chain, ...]:
    workload = same.workload
    assert workload.flow is not None  # noqa: S101 - asked for with flow alone
    grown: list[_Grown] = []
    at: dict[int, _Grown] = {}
    for index, operation in enumerate(workload.operations):
        if not chained(operation):
            continue
        item = workload.flow[index]
        for source in sorted({read.source for read in item.reads}, reverse=True):
            if source in at and at[source].takes(index, operation, workload.flow):
                at[index] = at[source]
                break
        else:
            at[index] = _Grown(index, item)
            grown.append(at[index])
        at[index].add(index, operation, workload.flow)
    readers = _readers(workload.flow)
    found = [_finished(chain, workload, readers) for chain in grown]
    kinds: dict[object, int] = {}
    return tuple(
        replace(chain, kind=kinds.setdefault(_shape(chain), place)) for place, chain in enumerate(found)
    )


def _shape(chain: Chain) -> object:
    steps = tuple((step.reads, step.leaves) for step in chain.steps)
    return steps, chain.elements, chain.live, chain.block, chain.rows


@dataclass
class _Grown:
    """A chain while it grows: its operations, the order of each one's words, its groups and size."""

    first: int
    begin: Flow
    order: dict[int, int] = field(default_factory=dict)
    group: tuple[str, int] = ("", 1)
    grouped: int = 0
    size: int = 0

    def takes(self, index: int, operation: Operation, flow: Sequence[Flow]) -> bool:
        """Return whether the chain can go on with an operation that reads some of its results."""
        item = flow[index]
        inner = [read for read in item.reads if read.source in self.order]
        ready = all(read.source < self.first for read in item.reads if read.source not in self.order)
        whole = all(read.elements == flow[read.source].writes for read in inner)
        orders = {(self.order[read.source], read.rearranged) for read in inner}
        repeated = [read for read in inner if read.elements < item.writes]
        a_row = all(
            self.group[0] == "rows" and read.elements * self.group[1] == item.writes and not read.rearranged
            for read in repeated
        )
        return ready and whole and len(orders) == 1 and a_row and self._groups(operation, item, inner)

    def _groups(self, operation: Operation, item: Flow, inner: Sequence[Read]) -> bool:
        """Return whether an operation's groups are the chain's, in one order."""
        if not item.group:
            return True
        same = self.group == ("", 1) or (
            self.group == (item.group, item.block)
            and all(self.order[read.source] == self.grouped for read in inner)
        )
        whole = isinstance(operation, Lookup) or all(read.elements == self.size for read in inner)
        return same and whole and not any(read.rearranged for read in inner)

    def add(self, index: int, operation: Operation, flow: Sequence[Flow]) -> None:
        """Take an operation in."""
        item = flow[index]
        inner = [read for read in item.reads if read.source in self.order]
        order = self.order[inner[0].source] if inner else 0
        if isinstance(operation, Move) or any(read.rearranged for read in inner):
            order = index + 1
        self.order[index] = order
        if item.group:
            self.group, self.grouped = (item.group, item.block), order
        self.size = max(self.size, item.writes, *(read.elements for read in item.reads), 1)


def _readers(flow: Sequence[Flow]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for index, item in enumerate(flow):
        for read in item.reads:
            found.setdefault(read.source, []).append(index)
    return found


def _finished(grown: _Grown, workload: Workload, readers: dict[int, list[int]]) -> Chain:
    flow = workload.flow or ()
    gemm = _joinable(grown, workload, readers)
    seen: set[tuple[int, int]] = set()
    steps = []
    for index in grown.order:
        streams = []
        for read in flow[index].reads:
            tensor = (read.source, read.elements if read.source == OUTSIDE else 0)
            known = read.source in grown.order or (read.source != OUTSIDE and tensor in seen)
            if not known:
                streams.append(Stream(read.elements, read.source != OUTSIDE, read.source == gemm))
                seen.add(tensor)
        needed = index not in readers or any(reader not in grown.order for reader in readers[index])
        steps.append(Step(index, tuple(streams), flow[index].writes if needed else 0))
    rows, live = grown.group[0] == "rows", _live(grown, flow, readers)
    feeds = _fed(grown, steps, workload, readers)
    return Chain(tuple(steps), grown.size, live, grown.group[1], rows, gemm, feeds)


def _joinable(grown: _Grown, workload: Workload, readers: dict[int, list[int]]) -> int | None:
    """Return the GEMM whose result the chain can work on before it leaves: its last source."""
    flow = workload.flow or ()
    outer = [r for i in grown.order for r in flow[i].reads if r.source not in grown.order]
    last = max((read.source for read in outer), default=OUTSIDE)
    if last == OUTSIDE or chained(workload.operations[last]):
        return None
    alone = all(reader in grown.order for reader in readers[last])
    whole = all(r.elements == flow[last].writes for r in outer if r.source == last)
    straight = not any(r.rearranged for r in outer if r.source == last)
    straight = straight and grown.grouped == 0
    rows = (flow[last].group, flow[last].block) == grown.group and straight
    return last if alone and whole and (grown.group[0] == "" or rows) else None


def _fed(
    grown: _Grown, steps: Sequence[Step], workload: Workload, readers: dict[int, list[int]]
) -> int | None:
    """Return the GEMM whose A is the chain's last result, and that alone leaves the chain.

    The words must be those of A, once and in their order: the windows of a convolution overlap.
    """
    flow = workload.flow or ()
    last = steps[-1].index
    if [step.index for step in steps if step.leaves] != [last] or len(readers.get(last, [])) != 1:
        return None
    place = readers[last][0]
    gemm = workload.operations[place]
    if chained(gemm) or not isinstance(gemm, Gemm):
        return None
    read = flow[place].reads[0]
    whole = read.source == last and not read.rearranged and read.elements == gemm.m * gemm.k * gemm.count
    plain = (gemm.a_distinct or gemm.m * gemm.k) == gemm.m * gemm.k and not gemm.a_skipped
    straight = grown.order[last] == grown.grouped
    rows = grown.group[0] == "" or (grown.group == ("rows", gemm.k) and straight)
    return place if whole and plain and rows and flow[last].writes == read.elements else None


def _live(grown: _Grown, flow: Sequence[Flow], readers: dict[int, list[int]]) -> int:
    """Return the most words alive at once; a result may take the place of an operand that is read no more."""
    places = {index: place for place, index in enumerate(grown.order)}
    alive: dict[int, int] = {}
    most = 0
    for place, index in enumerate(grown.order):
        for read in flow[index].reads:
            if read.source != OUTSIDE:
                alive[read.source] = read.elements
        outside = sum(read.elements for read in flow[index].reads if read.source == OUTSIDE)
        ended = [s for s in alive if all(places.get(r, -1) <= place for r in readers[s])]
        reused = max((alive[source] for source in ended), default=0)
        most = max(most, sum(alive.values()) + outside + max(0, flow[index].writes - reused))
        for source in ended:
            del alive[source]
        alive[index] = flow[index].writes
    return most
