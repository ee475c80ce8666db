"""Gathers what a report shows and fills the page."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from accel_models import CostReport, Design, Workload, evaluate
from dse.export import drawn
from dse.plots import labels, pareto_figure
from dse.report.front import front_data
from dse.study import Study
from dse.written import with_prefix, written

CARDS = 24
"""Designs of the front that get a card; more would make a long page longer."""

LAYERS = 12
"""Operations that a card lists, those that take most energy."""

COLUMNS = ("accuracy", "fidelity", "throughput_per_watt", "latency_s", "power_w", "area_mm2")


def render(study: Study) -> str:
    """Return the report of a study as one HTML page that needs no network."""
    folder = files("dse.report")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((folder / "report.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        **_content(study),
        style=Markup((folder / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        script=Markup((folder / "report.js").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        plotly=_packed_plotly(),
    )


def _content(study: Study) -> dict[str, Any]:
    trials, front = study.trials(), study.pareto()
    attrs = study.optuna.user_attrs
    return {
        "name": study.name,
        "objectives": study.objectives,
        "counts": trials.state.value_counts().to_dict(),
        "total": len(trials),
        "original": study.original,
        "widths": " and ".join(study.config.design_axes["data_width"]),
        "front": _front_rows(study, front),
        "columns": [study.figures[name] for name in _columns(study)],
        "drawn": front_data(study) if len(front) else None,
        "picture": _picture(study),
        "cards": [_card(study, number) for number in _with_cards(front)],
        "unfinished": _unfinished(trials),
        "growth": _growth(study),
        "certificate": attrs["certificate"],
        "about": attrs["about"],
        "study_file": attrs["study_file"],
        "settings": json.dumps(attrs["config"], indent=2),
        "written": written,
    }


def _columns(study: Study) -> list[str]:
    wanted = dict.fromkeys([*(figure.name for figure in study.objectives), *COLUMNS])
    return [name for name in wanted if name in study.figures]


def _front_rows(study: Study, front: pd.DataFrame) -> list[dict[str, Any]]:
    rows = front.assign(label=labels(study, front))
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]


def _with_cards(front: pd.DataFrame) -> list[int]:
    """Choose designs of the front: all, or the knee and others evenly along it."""
    step = max(1, -(-len(front) // CARDS))
    return [int(number) for number in front[(front.index % step == 0) | front.knee].number]


def _card(study: Study, number: int) -> dict[str, Any]:
    """Return what a card shows of a design; cycles and joules come from the accelerator model anew."""
    attrs = study.trials_in()[number].user_attrs
    report = evaluate(Design.from_dict(attrs["design"]), Workload.from_dict(attrs["workload"]))
    return {
        "number": number,
        "label": labels(study, pd.DataFrame({"number": [number]}))[0],
        "design": attrs["design"],
        "tables": attrs["tables"],
        "figures": [(f.label, written(f, attrs[name]), f.unit) for name, f in study.figures.items()],
        "energy": _shares(report.energy_parts, lambda value: with_prefix(value, "J")),
        "area": _shares(report.area_parts, lambda value: f"{value:.3g} mm\N{SUPERSCRIPT TWO}"),
        "kinds": _by_kind(report),
        "layers": _layers(report),
    }


def _shares(parts: dict[str, float], write: Callable[[float], str]) -> list[dict[str, Any]]:
    total = sum(parts.values()) or 1.0
    ordered = sorted(parts.items(), key=lambda item: -item[1])
    return [{"name": n, "share": v / total, "value": write(v)} for n, v in ordered if v > 0]


def _by_kind(report: CostReport) -> list[dict[str, Any]]:
    sums = (
        report.layers.groupby("kind")[["cycles", "energy_j"]].sum().sort_values("energy_j", ascending=False)
    )
    total = sums.sum()
    return [
        {"kind": kind, "cycles": row.cycles / total.cycles, "energy": row.energy_j / total.energy_j}
        for kind, row in sums.iterrows()
    ]


def _layers(report: CostReport) -> list[dict[str, Any]]:
    rows = report.layers.sort_values("energy_j", ascending=False).head(LAYERS).to_dict("records")
    return [
        {
            "name": row["name"],
            "kind": row["kind"],
            "shape": f"{row['m']}×{row['k']} @ {row['k']}×{row['n']}" if row["m"] else f"{row['elements']:,}",
            "cycles": f"{row['cycles']:,.0f}",
            "cycles_share": row["cycles"] / report.cycles,
            "energy": with_prefix(row["energy_j"], "J"),
            "energy_share": row["energy_j"] / report.energy_j,
            "utilisation": row["utilisation"],
            "bound": row["bound"],
        }
        for row in rows
    ]


def _unfinished(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Return failed, pruned and running trials with why."""
    rows = trials[trials.state != "complete"][["number", "state", "reason"]]
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]


def _growth(study: Study) -> list[dict[str, Any]]:
    """Return the share of the final hypervolume that was reached after each tenth of the trials."""
    finished, total = len(study.points()), study.hypervolume()
    if total <= 0:
        return []
    marks = sorted({-(-finished * tenth // 10) for tenth in range(1, 11)})
    return [{"trials": mark, "share": study.hypervolume(mark) / total} for mark in marks]


def _picture(study: Study) -> Markup:
    """Return the front as SVG, for print and for browsers without JavaScript."""
    text = drawn(pareto_figure(study), "svg").decode()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - matplotlib escapes what it draws


@cache
def _packed_plotly() -> str:
    """Return plotly.js, gzipped, in base64: 4.8 MB of source in 1.9 MB, which the page unpacks."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()
