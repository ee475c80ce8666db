"""Reference platforms: every row has its source and conditions; files are read or refused."""

import re
from pathlib import Path
from typing import Any

import pytest

from accel_models.platforms import KINDS, NETWORKS, Platform, dumps, load, published, save

ROW: dict[str, Any] = {
    "name": "a board",
    "kind": "soc",
    "network": "resnet50",
    "size": 224,
    "batch": 1,
    "precision": "int8",
    "power_w": 10.0,
    "power": "measured",
    "scope": "module",
    "node_nm": 12,
    "source": "a table",
    "throughput": 100.0,
}


def test_every_kind_and_the_networks_of_the_paper_are_there() -> None:
    rows = published()
    assert len(rows) >= 12
    assert {row.kind for row in rows} == set(KINDS)
    assert {"resnet50", "bert-base", "bert-large"} <= {row.network for row in rows}


@pytest.mark.parametrize("row", published(), ids=lambda row: f"{row.name} {row.network} {row.precision}")
def test_no_row_is_a_bare_number(row: Platform) -> None:
    assert re.search(r"MLPerf|README|ISCA|20\d\d", row.source)
    assert row.scope
    assert row.power == "measured" or row.power_source or row.peak
    if row.power == "tdp":
        assert "power_w" in row.from_memory  # no data sheet was at hand
    assert row.peak or row.size in (128, 224, 384)
    assert 0.001 < row.per_joule(4e9) < 1000


def test_latency_tables_were_turned_into_throughput() -> None:
    """The comment beside such a row states batch and latency; the row holds their quotient."""
    text = (Path(__file__).parents[2] / "accel_models" / "platforms" / "gpu.toml").read_text()
    stated = re.findall(r"throughput = ([\d.]+)  # (\d+) / ([\d.]+) ms", text)
    assert len(stated) >= 8
    for throughput, batch, latency in stated:
        assert float(throughput) == pytest.approx(int(batch) / float(latency) * 1000, rel=5e-4)


def test_a_peak_bounds_what_a_network_can_reach() -> None:
    tpu = next(row for row in published() if row.peak)
    assert tpu.per_second(4.1e9) == pytest.approx(92e12 / 8.2e9)
    assert tpu.runs("resnet50", 224)
    assert tpu.runs("bert-base", 128)


def test_encoders_of_bert_and_roberta_are_alike() -> None:
    row = Platform(**{**ROW, "network": "bert-base", "size": 128})
    assert row.runs("roberta-base", 128)
    assert not row.runs("roberta-large", 128)
    assert not row.runs("bert-base", 384)


def test_rows_are_written_and_read_back(tmp_path: Path) -> None:
    rows = (Platform(**ROW), Platform(**{**ROW, "name": 'a "second"\nboard', "from_memory": ["power_w"]}))
    save(rows, tmp_path / "rows.toml")
    assert load(tmp_path / "rows.toml") == rows
    assert dumps(published()).count("[[platform]]") == len(published())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "fpga"),
        ("network", ""),
        ("power", "guessed"),
        ("power_w", 0),
        ("power_w", float("nan")),
        ("throughput", None),
        ("throughput", -1.0),
        ("batch", 1.5),
        ("source", " "),
        ("from_memory", ["watts"]),
    ],
)
def test_a_wrong_field_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"platform.{field}"):
        Platform(**{**ROW, field: value})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "must be one or more"),
        ("[[platform]]\nnam = 'x'", "platform.nam = given: must be left out"),
        ("[[platform]]\nname = 'x'", "platform.kind = none: must be given in every row"),
        ("platform = 3", "must be one or more"),
        ("[[", "rows.toml: "),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "rows.toml").write_text(text)
    with pytest.raises(ValueError, match=r"rows\.toml") as raised:
        load(tmp_path / "rows.toml")
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_published_rows_are_of_known_networks() -> None:
    assert {row.network for row in published()} <= {*NETWORKS, "any"}
