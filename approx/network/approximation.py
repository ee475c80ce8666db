"""Which table every site gets."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from approx.cpwl import BIASES, MAX_SEGMENTS, PLACEMENTS
from approx.network.numerics import check_width
from approx.network.site import Site


@dataclass(frozen=True)
class TableSpec:
    """How one table is made.

    Attributes:
        segments: 1 to 1024.
        placement: where the knots go: uniform, dyadic, curvature, minimax or density.
        bias: how the lines are corrected: none, minimax, least_squares or mean.
        width: bits of its numbers in fixed point, 2 to 32; None: what the numerics say.
    """

    segments: int = 16
    placement: str = "minimax"
    bias: str = "minimax"
    width: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no table can be made of."""
        whole = isinstance(self.segments, int) and not isinstance(self.segments, bool)
        if not whole or not 1 <= self.segments <= MAX_SEGMENTS:
            raise ValueError(f"segments = {self.segments!r}: must be an integer from 1 to {MAX_SEGMENTS}")
        for name, value, allowed in (("placement", self.placement, PLACEMENTS), ("bias", self.bias, BIASES)):
            if value not in allowed:
                raise ValueError(f"{name} = {value!r}: must be one of {', '.join(allowed)}")
        if self.width is not None:
            check_width("width", self.width, 2, 32)


@dataclass(frozen=True)
class Approximation:
    """The tables of a network: one specification, and overrides for a function or for single sites.

    Attributes:
        segments, placement, bias, width: what every site gets unless overridden.
        overrides: keyed by a function's name ("gelu") or a glob over site names ("encoder.layer.0.*");
            each value sets some of segments, placement, bias and width. Globs win over functions, and later
            keys over earlier.
        clip: share of the calibrated inputs that a table's domain leaves out at each end, from 0 to below
            0.5; they are served by the tails.
        is_exact: keep the true functions: this checks the legalization alone.
    """

    segments: int = 16
    placement: str = "minimax"
    bias: str = "minimax"
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clip: float = 0.0
    is_exact: bool = False
    width: int | None = None

    def __post_init__(self) -> None:
        """Check every specification that the overrides make."""
        if not 0.0 <= self.clip < 0.5:
            raise ValueError(f"clip = {self.clip!r}: must be a number from 0 to below 0.5")
        base = TableSpec(self.segments, self.placement, self.bias, self.width)
        for key, changes in self.overrides.items():
            unknown = set(changes) - set(asdict(base))
            if unknown:
                raise ValueError(
                    f"overrides[{key!r}] = {sorted(unknown)}: must set segments, placement, bias or width"
                )
            replace(base, **changes)

    @classmethod
    def exact(cls) -> "Approximation":
        """True functions at every site."""
        return cls(is_exact=True)

    def spec(self, site: Site) -> TableSpec:
        """The table that `site` gets."""
        spec = TableSpec(self.segments, self.placement, self.bias, self.width)
        matching = [changes for key, changes in self.overrides.items() if key == site.function]
        matching += [
            c for key, c in self.overrides.items() if key != site.function and fnmatchcase(site.name, key)
        ]
        for changes in matching:
            spec = replace(spec, **changes)
        return spec

    def check(self, sites: Iterable[Site]) -> None:
        """Refuse an override that no site answers to.

        Raises:
            ValueError: naming the key, and the functions that the network has.
        """
        sites = list(sites)
        for key in self.overrides:
            if not any(key == site.function or fnmatchcase(site.name, key) for site in sites):
                raise ValueError(
                    f"overrides[{key!r}]: must be a function of the network "
                    f"({', '.join(sorted({site.function for site in sites}))}) or match a site's name"
                )
