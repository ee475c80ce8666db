"""Platforms to compare with: published or measured throughput and power of CPUs, GPUs, SoCs and accelerators.

One TOML file a kind, one row a platform and network. A row says where each figure comes from and under
which conditions it holds; `from_memory` names the fields that were written down without the source at hand.
Power is measured, or the TDP, which is an upper bound: ratios against a TDP flatter the accelerator. A row of
a peak gives what the chip could do at most, so that a ratio against it is a lower bound.
"""

import json
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from accel_models.checks import Choice, FloatRange, IntRange, refuse
from accel_models.documents import parse_toml, read_text

KINDS = ("cpu", "gpu", "soc", "accelerator")
NETWORKS = ("resnet18", "resnet50", "bert-base", "bert-large", "roberta-base", "roberta-large")
_POSITIVE = FloatRange(1e-9, 1e15)


@dataclass(frozen=True)
class Platform:
    """One platform running one network.

    Attributes:
        name: The platform.
        kind: "cpu", "gpu", "soc" or "accelerator".
        network: What ran: one of NETWORKS, or a name of the user's; "any" for a peak, which holds for all.
        size: Side of the image, or sequence length; 0 for a peak.
        batch: Inferences at a time; 0 where the benchmark chose it.
        precision: Arithmetic, for example int8.
        power_w: Watts.
        power: "measured", or "tdp", the most that the cooling is built for.
        scope: What the power is of, for example "card" or "whole system at the wall".
        node_nm: Process of the chip, nm; 0 where unknown.
        source: Document and place of the throughput, and of the power if no other is named.
        throughput: Inferences a second; none for a peak.
        peak_tops: 1e12 operations a second, a multiply-add being two; for a peak only.
        power_source: Document of the power.
        from_memory: Fields that were not read again in a copy of their source.
        date: When it was measured or published.
        note: What else a reader should know: driver, clock, scenario.
    """

    name: str
    kind: str
    network: str
    size: int
    batch: int
    precision: str
    power_w: float
    power: str
    scope: str
    node_nm: float
    source: str
    throughput: float | None = None
    peak_tops: float | None = None
    power_source: str = ""
    from_memory: tuple[str, ...] = ()
    date: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        Choice(KINDS).check("platform.kind", self.kind)
        Choice(("measured", "tdp")).check("platform.power", self.power)
        for name in ("size", "batch"):
            IntRange(0, 10**6).check(f"platform.{name}", getattr(self, name))
        _POSITIVE.check("platform.power_w", self.power_w)
        FloatRange(0, 1000, "nm").check("platform.node_nm", self.node_nm)
        if (self.throughput is None) == (self.peak_tops is None):
            raise refuse("platform.throughput", self.throughput, "given, or peak_tops instead of it")
        given = "throughput" if self.peak_tops is None else "peak_tops"
        _POSITIVE.check(f"platform.{given}", getattr(self, given))
        for name in ("name", "network", "precision", "scope", "source"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise refuse(f"platform.{name}", repr(getattr(self, name)), "a text that is not empty")
        for name in ("power_source", "date", "note"):
            if not isinstance(getattr(self, name), str):
                raise refuse(f"platform.{name}", repr(getattr(self, name)), "a text")
        known = {item.name for item in fields(self)}
        if not isinstance(self.from_memory, list | tuple):
            raise refuse("platform.from_memory", self.from_memory, "a list of fields")
        object.__setattr__(self, "from_memory", tuple(self.from_memory))
        for name in self.from_memory:
            if not isinstance(name, str) or name not in known:
                raise refuse(
                    "platform.from_memory", name, f"fields of a platform: {', '.join(sorted(known))}"
                )

    @property
    def peak(self) -> bool:
        """Whether the source gives a peak only."""
        return self.throughput is None

    def per_second(self, macs: float) -> float:
        """Return inferences a second of a network with so many multiply-adds; of a peak, at most."""
        return self.throughput if self.throughput is not None else (self.peak_tops or 0) * 1e12 / (2 * macs)

    def per_joule(self, macs: float) -> float:
        """Return throughput per power, inferences a joule; of a peak, at most."""
        return self.per_second(macs) / self.power_w

    def runs(self, network: str, size: int) -> bool:
        """Return whether this row is of a network at a size; encoders of BERT and RoBERTa are alike."""
        same = self.network.replace("roberta", "bert") == network.replace("roberta", "bert")
        return self.network == "any" or (same and self.size == size)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for TOML, without what is not set."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "", ())}


@cache
def published() -> tuple[Platform, ...]:
    """Return the rows that come with this package."""
    texts = (files(__package__).joinpath(f"{kind}.toml").read_text(encoding="utf-8") for kind in KINDS)
    return tuple(row for text in texts for row in _parse(text))


def load(path: str | Path) -> tuple[Platform, ...]:
    """Read rows, such as `neuralmatrix measure` writes; ValueError names the file and what is wrong."""
    try:
        return _parse(read_text(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save(rows: Iterable[Platform], path: str | Path) -> None:
    """Write rows as TOML."""
    Path(path).write_text(dumps(rows), encoding="utf-8")


def dumps(rows: Iterable[Platform]) -> str:
    """Return rows as TOML text."""
    blocks = []
    for row in rows:
        values = (f"{key} = {_toml(value)}" for key, value in row.to_dict().items())
        blocks.append("\n".join(["[[platform]]", *values, ""]))
    return "\n".join(blocks)


def _toml(value: object) -> str:
    """Return a value as TOML; unlike JSON it takes no DEL in a text as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _parse(text: str) -> tuple[Platform, ...]:
    content = parse_toml(text)
    rows = content.get("platform")
    if set(content) != {"platform"} or not isinstance(rows, list) or not rows:
        raise refuse("platform", sorted(content), "one or more [[platform]] tables and nothing else")
    return tuple(_row(row) for row in rows)


def _row(row: object) -> Platform:
    known = {item.name: item.default is MISSING for item in fields(Platform)}
    if not isinstance(row, dict):
        raise refuse("platform", row, f"tables of {', '.join(known)}")
    for key in row:
        if key not in known:
            raise refuse(f"platform.{key}", "given", f"left out; fields are {', '.join(sorted(known))}")
    for key, needed in known.items():
        if needed and key not in row:
            raise refuse(f"platform.{key}", "none", "given in every row")
    return Platform(**row)
