import pytest

from dse.errors import UserError
from dse.files import check_writable, write_whole


def test_asking_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_whole(tmp_path):
    write_whole(tmp_path / "sub" / "a.txt", "old")
    write_whole(tmp_path / "sub" / "a.txt", b"new")
    assert (tmp_path / "sub" / "a.txt").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["a.txt"]


def test_a_file_that_cannot_be_written_is_left_as_it_was(tmp_path, monkeypatch):
    path = write_whole(tmp_path / "a.txt", "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(UserError, match=r"a\.txt: cannot be written: No space left on device"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_place_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file: must be a folder"):
        check_writable(tmp_path / "file" / "run")
    with pytest.raises(UserError, match="cannot be written"):
        write_whole(tmp_path / "file" / "a.txt", "")
