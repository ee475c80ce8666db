"""Precision: the widths of a network's numbers in fixed point, layer by layer, and their defaults.

The one owner of widths: a design is charged for them, `approx.Numerics` emulates them, a study records them.

    Precision(weights=4, overrides={"classifier*": {"weights": 8}}).apply(workload)
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any

from accel_models.checks import Choice, IntRange, Rule, refuse
from accel_models.workload import Gemm, Lookup, Operation, Workload

STORED_BITS = 16
"""Bits of stored words unless said otherwise: layer norms and softmaxes do not survive 8. Also the widest:
what a lookup's input may have, and what emulation holds exactly."""
SUMS = (16, 32, 48)
"""Widths that partial sums can have."""


def stored_bits(data_width: str) -> int | None:
    """Return the bits of stored words beside a format of operands; None: the operands' own."""
    narrow = data_width.startswith("int") and int(data_width.removeprefix("int")) < STORED_BITS
    return STORED_BITS if narrow else None


@dataclass(frozen=True)
class Widths:
    """The widths of one layer's numbers, bits.

    Attributes:
        weights: Operand B of a layer's product, 2 to 16.
        activations: Operand A, and B where both are computed, 2 to 16.
        stored: Words that element-wise work, lookups, sums and moves use, from `activations` to 16.
        sums: Partial sums, 16, 32 or 48; None: the least that no layer can overflow.
        tables: A table's numbers, 2 to 32; None: as `stored`.

    Raises:
        ValueError: A width is none of these.
    """

    weights: int = 8
    activations: int = 8
    stored: int = STORED_BITS
    sums: int | None = None
    tables: int | None = None

    def __post_init__(self) -> None:
        for name, rule in self.rules().items():
            value = getattr(self, name)
            if name != "sums" or value is not None:
                rule.check(f"precision.{name}", value)
        if self.stored < self.activations:
            allowed = f"at least {self.activations}, the activations' width"
            raise refuse("precision.stored", self.stored, allowed)

    @staticmethod
    def rules() -> dict[str, Rule]:
        """Return what each width may be."""
        operand = IntRange(2, STORED_BITS, "bits")
        return {
            "weights": operand,
            "activations": operand,
            "stored": operand,
            "sums": Choice(SUMS),
            "tables": IntRange(2, 32, "bits", optional=True),
        }

    @property
    def table_bits(self) -> int:
        """Bits of a table's numbers."""
        return self.stored if self.tables is None else self.tables


@dataclass(frozen=True)
class Precision:
    """Widths for a network: a default, and overrides by layer.

    Attributes:
        weights, activations, stored, sums, tables: As in `Widths`; for every layer that no override names.
        overrides: Keyed by the name of an operation ("encoder.layer.0.output.dense.linear") or a glob over
            names ("encoder.layer.0.*"); each value sets some of the widths. Names win over globs, and later
            keys over earlier.

    Raises:
        ValueError: A width is not allowed, or an override sets something else.
    """

    weights: int = 8
    activations: int = 8
    stored: int = STORED_BITS
    sums: int | None = None
    tables: int | None = None
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [item.name for item in fields(Widths)]
        for key, changes in self.overrides.items():
            where = f"precision.overrides[{key!r}]"
            if not isinstance(changes, Mapping) or not changes or set(changes) - set(names):
                raise refuse(
                    where,
                    dict(changes) if isinstance(changes, Mapping) else changes,
                    f"some of {', '.join(names)}",
                )
            try:
                replace(self.default, **changes)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None

    @property
    def default(self) -> Widths:
        """The widths of a layer that no override names."""
        return Widths(self.weights, self.activations, self.stored, self.sums, self.tables)

    def of(self, name: str) -> Widths:
        """Return the widths of the layer with this name."""
        found = self.default
        globs = [c for key, c in self.overrides.items() if key != name and fnmatchcase(name, key)]
        for changes in [*globs, *(c for key, c in self.overrides.items() if key == name)]:
            found = replace(found, **changes)
        return found

    def apply(self, workload: Workload) -> Workload:
        """Return the workload with these widths: of each GEMM's operands and result, and of each table.

        A GEMM of two computed operands, which the workload's flow tells, has two of activations. Sums of
        stored words stay as they are; a table that has a width keeps it.

        Raises:
            ValueError: An override names no operation.
        """
        names = {op.name for op in workload.operations}
        for key in self.overrides:
            if not any(key == name or fnmatchcase(name, key) for name in names):
                raise refuse(f"precision.overrides[{key!r}]", key, "the name of an operation, or match one's")
        known = {name: self.of(name) for name in names}
        flow = workload.flow or (None,) * len(workload.operations)
        operations = [
            _with_widths(op, known[op.name], item is not None and sum(r.source >= 0 for r in item.reads) > 1)
            for op, item in zip(workload.operations, flow, strict=True)
        ]
        return Workload(operations, workload.batch, workload.flow)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for TOML or JSON; `from_dict` reads them back."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        if not self.overrides:
            del values["overrides"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Precision":
        """Build a precision from plain values; ValueError names an unknown field or a bad value."""
        names = [item.name for item in fields(cls)]
        for key in values:
            if key not in names:
                raise refuse(f"precision.{key}", values[key], f"left out; fields are {', '.join(names)}")
        return cls(**values)


def _with_widths(operation: Operation, widths: Widths, both_computed: bool) -> Operation:
    if isinstance(operation, Gemm) and not operation.wide:
        b = widths.activations if both_computed else widths.weights
        return replace(operation, a_bits=widths.activations, b_bits=b, z_bits=widths.stored)
    if isinstance(operation, Lookup) and operation.width is None and widths.tables is not None:
        return replace(operation, width=widths.tables)
    return operation
