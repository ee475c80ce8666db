"""What the hardware must run: matrix products, element-wise work, table lookups and moves.

Sizes follow the field: a GEMM is (M x K) @ (K x N). A workload is one inference batch.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from accel_models import flow as flows
from accel_models.checks import Choice, IntRange, refuse
from accel_models.documents import parse_json, read_text
from accel_models.flow import Flow

_SIZE = IntRange(1, 10**9)
_ELEMENTS = IntRange(1, 10**12)
_SEGMENTS = IntRange(1, 65536)
_OPERAND_BITS = IntRange(2, 16, "bits", optional=True)
_TABLE_WIDTH = IntRange(2, 32, "bits", optional=True)
ADDRESSING = ("shift", "dyadic", "exponent", "comparator")
_ADDRESSING = Choice(ADDRESSING)


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise refuse(field, value, "text")


@dataclass(frozen=True)
class Gemm:
    """`count` independent products (M x K) @ (K x N) of one shape: attention heads, groups of a convolution.

    Attributes:
        m: Rows of A and of the result.
        n: Columns of B and of the result.
        k: Columns of A, rows of B.
        name: Where it comes from, for reports.
        count: How many such products.
        a_distinct: Distinct words in one product's A, where A repeats words (a convolution as im2col); DRAM
            traffic is then charged without the duplicates. Default m * k.
        a_skipped: Words between those of one product's A that come with them from DRAM: pixels that a strided
            convolution passes over, on a machine that brings rows whole. Default 0.
        taps: Runs of neighbouring words in a row of A: kernel positions of a convolution as im2col, each of
            which has its channels together in DRAM. Default 1.
        wide: Whether A is stored words as they are, not operands narrowed to the array's width. With n = 1
            it is a sum or mean: its words go past narrower multipliers to the adders. With more columns they
            are taken digit by digit.
        a_bits: Width of A in the array and the input scratchpad; none: the design's.
        b_bits: Width of B, in DRAM too; none: the design's.
        z_bits: Width of the stored words that A comes from DRAM as and the result goes there as; none: the
            design's.
    """

    kind: ClassVar[str] = "gemm"
    m: int
    n: int
    k: int
    name: str = ""
    count: int = 1
    a_distinct: int | None = None
    wide: bool = False
    taps: int = 1
    a_skipped: int = 0
    a_bits: int | None = None
    b_bits: int | None = None
    z_bits: int | None = None

    def __post_init__(self) -> None:
        for field in ("a_bits", "b_bits", "z_bits"):
            _OPERAND_BITS.check(f"gemm.{field}", getattr(self, field))
        for field in ("m", "n", "k", "count", "taps"):
            _SIZE.check(f"gemm.{field}", getattr(self, field))
        if self.a_distinct is not None:
            IntRange(1, self.m * self.k).check("gemm.a_distinct", self.a_distinct)
        IntRange(0, 10**12).check("gemm.a_skipped", self.a_skipped)
        if not isinstance(self.wide, bool):
            raise refuse("gemm.wide", self.wide, "true or false")
        _check_text("gemm.name", self.name)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all `count` products."""
        return self.m * self.n * self.k * self.count


@dataclass(frozen=True)
class Hadamard:
    """Element-wise multiply-adds (k * x + b); a plain add or multiply counts as one an element."""

    kind: ClassVar[str] = "hadamard"
    elements: int
    name: str = ""

    def __post_init__(self) -> None:
        _ELEMENTS.check("hadamard.elements", self.elements)
        _check_text("hadamard.name", self.name)


@dataclass(frozen=True)
class Lookup:
    """A piecewise-linear table applied to `elements` values: address, fetch (slope, intercept), multiply-add.

    Attributes:
        elements: Values that go through the table.
        segments: Segments of the table, without its two tail entries.
        addressing: How the entry is found: "shift" (uniform knots), "dyadic", "exponent" (exponent
            extraction) or "comparator" (free knots).
        name: The site, for reports.
        table: Which table this is; lookups that share one name it alike. Default: the site's name.
        width: Bits of each of the table's numbers; none: those of an element-wise word.
    """

    kind: ClassVar[str] = "lookup"
    elements: int
    segments: int
    addressing: str = "comparator"
    name: str = ""
    table: str = ""
    width: int | None = None

    def __post_init__(self) -> None:
        _ELEMENTS.check("lookup.elements", self.elements)
        _SEGMENTS.check("lookup.segments", self.segments)
        _ADDRESSING.check("lookup.addressing", self.addressing)
        _check_text("lookup.name", self.name)
        _check_text("lookup.table", self.table)
        _TABLE_WIDTH.check("lookup.width", self.width)

    @property
    def table_words(self) -> int:
        """Words of the table: slope and intercept of each segment and of the two tails."""
        return 2 * (self.segments + 2)


@dataclass(frozen=True)
class Move:
    """Data rearranged without arithmetic: a transpose, a gather, a concatenation."""

    kind: ClassVar[str] = "move"
    elements: int
    name: str = ""

    def __post_init__(self) -> None:
        _ELEMENTS.check("move.elements", self.elements)
        _check_text("move.name", self.name)


Operation = Gemm | Hadamard | Lookup | Move
_KINDS: dict[str, type[Operation]] = {kind.kind: kind for kind in (Gemm, Hadamard, Lookup, Move)}


@dataclass(frozen=True)
class Workload:
    """The operations of one inference batch, in order.

    Attributes:
        operations: Gemm, Hadamard, Lookup and Move values; any iterable, kept as a tuple.
        batch: Inferences that these operations compute together.
        flow: What each operation consumes (`accel_models.Flow`), so that element-wise work can be scheduled
            tile by tile; None: unknown, and every operation is scheduled by itself.

    Raises:
        ValueError: If there is no operation, or one of another kind, or the flow does not go with them.
    """

    operations: tuple[Operation, ...]
    batch: int = 1
    flow: tuple[Flow, ...] | None = None

    def __init__(
        self, operations: Iterable[Operation], batch: int = 1, flow: Iterable[Flow] | None = None
    ) -> None:
        object.__setattr__(self, "operations", tuple(operations))
        object.__setattr__(self, "batch", _SIZE.check("workload.batch", batch))
        object.__setattr__(self, "flow", None if flow is None else tuple(flow))
        if not self.operations:
            raise refuse("workload.operations", "[]", "at least one operation")
        for operation in self.operations:
            if not isinstance(operation, Operation):
                raise refuse("workload.operations", repr(operation), "Gemm, Hadamard, Lookup or Move values")
        if self.flow is not None:
            flows.check(self.flow, len(self.operations))

    def without(self, dropped: Callable[[Operation], bool]) -> "Workload":
        """Return the workload less some operations; who read their results reads what they read.

        Raises:
            ValueError: If no operation is left.
        """
        drop = [dropped(operation) for operation in self.operations]
        left = [op for op, gone in zip(self.operations, drop, strict=True) if not gone]
        flow = None if self.flow is None else flows.without(self.flow, drop)
        return Workload(left, self.batch, flow)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all GEMMs."""
        return sum(op.macs for op in self.operations if isinstance(op, Gemm))

    @property
    def digest(self) -> str:
        """A content hash (hex): equal workloads have equal digests, in any process."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them back."""
        operations = [{"kind": op.kind, **_plain(op)} for op in self.operations]
        for item, flow in zip(operations, self.flow or (), strict=False):
            item["flow"] = flows.to_plain(flow)
        return {"batch": self.batch, "operations": operations}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Workload":
        """Build a workload from plain values; ValueError names what is wrong."""
        if not isinstance(values, Mapping) or not isinstance(values.get("operations"), list):
            raise refuse("workload.operations", values, "a list of operations")
        items = values["operations"]
        operations = [_operation(item) for item in items]
        known = [item["flow"] for item in items if "flow" in item]
        if known and len(known) < len(items):
            raise refuse("workload.flow", f"given for {len(known)} operations", "given for all, or for none")
        flow = [flows.from_plain(index, item) for index, item in enumerate(known)] if known else None
        return cls(operations, values.get("batch", 1), flow)

    def save(self, path: str | Path) -> None:
        """Write the workload as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Workload":
        """Read a workload from JSON; ValueError names the file and what is wrong."""
        try:
            return cls.from_dict(parse_json(read_text(path)))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _plain(operation: Operation) -> dict[str, Any]:
    """Return an operation's values; widths that a GEMM leaves to the design are left out."""
    left = [name for name in ("a_bits", "b_bits", "z_bits") if getattr(operation, name, 0) is None]
    return {name: value for name, value in asdict(operation).items() if name not in left}


def _operation(item: Any) -> Operation:
    kind_name = item.get("kind") if isinstance(item, Mapping) else None
    if not isinstance(kind_name, str) or kind_name not in _KINDS:
        raise refuse("operation", item, f"a table with kind = one of {', '.join(_KINDS)}")
    kind = _KINDS[kind_name]
    values = {key: value for key, value in item.items() if key not in ("kind", "flow")}
    names = [field.name for field in fields(kind)]
    for key in values:
        if key not in names:
            raise refuse(f"{kind.kind}.{key}", values[key], f"left out; fields are {', '.join(names)}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{kind.kind}: {error}") from None
