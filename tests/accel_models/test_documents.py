"""Files of any content are read, or refused in one line."""

from pathlib import Path

import pytest

from accel_models.checks import refuse
from accel_models.documents import MOST_TOML, parse_json, parse_toml, read_document
from accel_models.platforms import dumps, load, published


@pytest.mark.parametrize(
    ("suffix", "text", "line"),
    [
        (".json", "[" * 20_000, "nested too deeply"),
        (".toml", "a = " + "[" * 20_000, "nested too deeply"),
        (".toml", "a = " + "9" * 5000, "digits"),
        (".toml", "a = [" + "1," * MOST_TOML + "]", "must be at most 1048576 of TOML"),
        (".json", "{", "property name"),
    ],
)
def test_what_no_parser_takes_is_refused_in_a_line(tmp_path: Path, suffix: str, text: str, line: str) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_text(text)
    with pytest.raises(ValueError, match=line) as raised:
        read_document(path)
    assert "\n" not in str(raised.value)


def test_plain_content_is_read_by_its_name(tmp_path: Path) -> None:
    for name, text in (("a.json", '{"rows": 3}'), ("a.toml", "rows = 3")):
        (tmp_path / name).write_text(text)
        assert read_document(tmp_path / name) == {"rows": 3}
    assert parse_json("[1]") == [1]
    assert parse_toml("") == {}


def test_a_refusal_shows_a_bad_value_on_one_short_line() -> None:
    assert str(refuse("rows", 10**400, "small")) == "rows = an integer of about 401 digits: must be small"
    assert str(refuse("name", "a\nb\0", "plain")) == "name = a\\nb\\x00: must be plain"
    assert len(str(refuse("name", "x" * 10_000, "short"))) < 200


def test_a_name_with_a_delete_character_survives_a_platform_file(tmp_path: Path) -> None:
    from dataclasses import replace

    row = replace(published()[0], name="a\x7fb")
    (tmp_path / "rows.toml").write_text(dumps([row]))
    assert load(tmp_path / "rows.toml") == (row,)
