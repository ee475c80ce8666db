"""The page of a hardware study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from accel_models import Design, sources
from accel_models.platforms import KINDS, Platform
from dse.about import describe
from dse.drawn import drawn
from dse.hardware_study.config import HardwareStudy
from dse.hardware_study.designs import BEST, COMMON, KNOWN, Result
from dse.hardware_study.picture import label, ratio_figure
from dse.hardware_study.ratios import BAND, Ratio, conditions
from dse.report.render import fill
from dse.written import field_value, with_prefix

_ROLES = {
    KNOWN: "the known array",
    BEST: "best of its area, for this network",
    COMMON: "best of its area, for all",
}
PLACES = ("below", "in", "above", "open")


def role(result: Result) -> str:
    """Return in words which design a result is of."""
    return _ROLES.get(result.role, f"the known array in {result.role}")


def render(
    study: HardwareStudy,
    results: Sequence[Result],
    ratios: Sequence[Ratio],
    platforms: Sequence[Platform],
    text: str,
) -> str:
    """Return the report as one HTML page that needs no network."""
    shown = [ratio for ratio in ratios if ratio.result.role != COMMON]
    return fill(
        "hardware.html.jinja",
        title=f"{study.name}: NeuralMatrix against reference platforms",
        name=study.name,
        drawings={},
        band=BAND,
        preset=study.search.preset,
        technology=study.preset.technology,
        area=max(result.report.area_mm2 for result in results),
        counts=_counts(shown),
        conditions=_conditions(shown),
        picture=_picture(ratios),
        networks=_networks(results),
        changed=_changed(study, results),
        ratios=[_ratio(ratio) for ratio in shown],
        platforms=platforms,
        sources=sources(study.preset),
        about=describe(),
        study_file=text,
        settings="",
    )


def _conditions(ratios: Sequence[Ratio]) -> list[dict[str, Any]]:
    """Count ratios of the known design by the conditions that the platforms ran under, the highest first."""
    known = [ratio for ratio in ratios if ratio.result.role == KNOWN]
    rows = []
    for name in dict.fromkeys(conditions(ratio.platform) for ratio in known):
        found = [ratio for ratio in known if conditions(ratio.platform) == name]
        rows.append({"conditions": name, **_spread(found)})
    return sorted(rows, key=lambda row: -row["high"])


def _spread(ratios: Sequence[Ratio]) -> dict[str, Any]:
    values = [ratio.value for ratio in ratios]
    places = {place: sum(ratio.place == place for ratio in ratios) for place in PLACES}
    return {**places, "low": min(values), "high": max(values)}


def _counts(ratios: Sequence[Ratio]) -> list[dict[str, Any]]:
    """Count ratios below, in and above the paper's range, a row a design and kind of platform."""
    rows = []
    for design in dict.fromkeys(role(ratio.result) for ratio in ratios):
        for kind in KINDS:
            found = [r for r in ratios if role(r.result) == design and r.platform.kind == kind]
            if found:
                rows.append({"role": design, "kind": kind, **_spread(found)})
    return rows


def _networks(results: Sequence[Result]) -> list[dict[str, Any]]:
    rows = []
    for result in results:
        report, (_, units, host) = result.report, result.baselines
        rows.append(
            {
                "network": result.network.title,
                "role": role(result),
                "latency": with_prefix(report.latency_s, "s"),
                "power": with_prefix(report.power_w, "W"),
                "throughput": f"{report.throughput:,.4g}",
                "efficiency": f"{report.throughput_per_watt:.4g}",
                "area": f"{report.area_mm2:.4g}",
                "utilisation": f"{report.utilisation:.1%}",
                "units": f"{units.throughput_per_watt / report.throughput_per_watt:.3f}",
                "host": f"{host.throughput_per_watt / report.throughput_per_watt:.3f}",
            }
        )
    return rows


def _changed(study: HardwareStudy, results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return, for each design that was found, the fields in which it differs from the known one."""
    rows = []
    for result in results:
        if result.role != KNOWN:
            fields = _differences(study.preset, result.design)
            rows.append({"network": result.network.title, "role": role(result), "fields": fields})
    return rows


def _differences(known: Design, design: Design) -> str:
    before, now = known.to_dict(), design.to_dict()
    return ", ".join(
        f"{name} {field_value(name, value)}" for name, value in now.items() if before.get(name) != value
    )


def _ratio(ratio: Ratio) -> dict[str, Any]:
    platform = ratio.platform
    theirs = ratio.result.report.throughput_per_watt / ratio.value
    return {
        "network": ratio.result.network.title,
        "role": role(ratio.result),
        "platform": label(ratio),
        "kind": platform.kind,
        "theirs": f"{theirs:.4g}",
        "value": ("at least " if platform.peak else "") + f"{ratio.value:.3g}",
        "place": ratio.place,
        "why": ratio.why,
    }


def _picture(ratios: Sequence[Ratio]) -> Markup:
    text = drawn(ratio_figure(ratios), "svg").decode()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - matplotlib escapes what it draws
