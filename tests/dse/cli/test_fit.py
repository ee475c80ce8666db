"""`neuralmatrix fit`, without the command line around it."""

import json

import pytest

from approx.cpwl import CpwlTable, ReducedTable, get_function
from dse.cli.fit import fit


def test_it_prints_the_errors_beside_the_limit_and_writes_table_and_picture(tmp_path, capsys):
    fit("gelu", segments=16, placement="uniform", bias="minimax", out=tmp_path / "new")
    printed = capsys.readouterr().out
    # 3.774404e-2 uniform and 2.111564e-3 free: proven optima of gelu on [-8, 8] with 16 segments.
    assert "0.03774" in printed
    assert "0.002112" in printed
    assert "17.8" in printed
    table = CpwlTable.from_dict(json.loads((tmp_path / "new" / "gelu-16.json").read_text()))
    assert table.max_error() == pytest.approx(0.03774404, rel=1e-4)
    assert table.reference() is get_function("gelu")
    assert (tmp_path / "new" / "gelu-16.png").read_bytes()[:4] == b"\x89PNG"


def test_fixed_point_and_range_reduction_are_written_too(tmp_path, capsys):
    fit("rsqrt", segments=8, range_reduction=True, bits=12, midpoint=True, out=tmp_path)
    assert "rounded to 12 bits" in capsys.readouterr().out
    table = ReducedTable.from_dict(json.loads((tmp_path / "rsqrt-8.json").read_text()))
    assert table.table.fixed_point.bits == 12


def test_json_holds_the_errors(cli, tmp_path):
    status, out, _ = cli("fit", "gelu", "-p", "uniform", "--bits", 12, "--out", tmp_path, "--json")
    found = json.loads(out)
    names = ["error", "uniform, minimax", "rounded to 12 bits", "limit: best free knots"]
    assert (status, list(found)) == (0, names)
    assert found["limit: best free knots"]["largest"] == pytest.approx(2.11e-3, rel=1e-2)


def test_integers_chosen_beside_integers_rounded(cli, tmp_path):
    status, out, _ = cli("fit", "gelu", "--bits", 8, "--in-words", "--out", tmp_path, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["fitted in 8 bits"]["largest"] < 0.2 * found["rounded to 8 bits"]["largest"]
    table = CpwlTable.from_dict(json.loads((tmp_path / "gelu-16.json").read_text()))
    assert table.max_error() == found["fitted in 8 bits"]["largest"]
    status, _, error = cli("fit", "gelu", "--in-words", "--out", tmp_path)
    assert (status, "--in-words: needs --bits" in error) == (2, True)


def test_bad_input_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="segments = 0"):
        fit("gelu", segments=0, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()
