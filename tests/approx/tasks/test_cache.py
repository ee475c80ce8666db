import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
import torch
from safetensors.torch import save_file

import approx.tasks.cache
from approx.folders import cache_folder
from approx.tasks.cache import (
    load_weights,
    recipe_digest,
    require_writable,
    save_weights,
)

DIGEST = recipe_digest({"seed": 0})
TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(5)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "net.safetensors"
    save_weights(file, TENSORS, {"recipe_sha256": DIGEST, "seed": "0"})
    return file


def test_weights_and_metadata_come_back(path):
    tensors, metadata = load_weights(path, DIGEST)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert metadata["seed"] == "0"
    assert list(path.parent.iterdir()) == [path]


def test_a_recipes_digest_follows_its_values_not_their_order():
    assert recipe_digest({"a": 1, "b": [2]}) == recipe_digest({"b": [2], "a": 1})
    assert recipe_digest({"a": 1}) != recipe_digest({"a": 2})


def test_every_truncation_is_refused(path):
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"net\.safetensors: .*: delete it to train again$"):
            load_weights(path, DIGEST)


def test_every_changed_weight_byte_is_refused(path):
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for position in range(header, len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(ValueError, match="altered after training: delete it"):
            load_weights(path, DIGEST)


def test_foreign_files_are_refused_in_one_line(path, tmp_path):
    save_file(TENSORS, path)
    with pytest.raises(ValueError, match="not weights of this toolkit") as error:
        load_weights(path, DIGEST)
    assert "\n" not in str(error.value)
    torch.save(TENSORS, path)
    with pytest.raises(ValueError, match="unreadable or truncated"):
        load_weights(path, DIGEST)
    folder = tmp_path / "folder.safetensors"
    folder.mkdir()
    with pytest.raises(ValueError, match="unreadable or truncated"):
        load_weights(folder, DIGEST)


def test_weights_of_another_recipe_are_refused(path):
    with pytest.raises(ValueError, match="made by another training recipe"):
        load_weights(path, recipe_digest({"seed": 1}))


def test_a_write_that_fails_leaves_the_old_file_and_no_other(path, monkeypatch):
    before = path.read_bytes()

    def half_written(tensors, file, header):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(approx.tasks.cache, "save_file", half_written)
    with pytest.raises(ValueError, match="cannot be written"):
        save_weights(path, {"weight": torch.zeros(2)}, {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(tensors, file, header):
        Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(approx.tasks.cache, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_weights(tmp_path / "net.safetensors", TENSORS, {})
    assert list(tmp_path.iterdir()) == []


WRITER = """
import sys, torch
from pathlib import Path
from approx.tasks.cache import save_weights
path, digest, value = sys.argv[1:]
for _ in range(30):
    save_weights(Path(path), {"weight": torch.full((2000,), float(value))}, {"recipe_sha256": digest})
"""


def test_a_reader_sees_whole_files_while_two_processes_write(path):
    commands = [[sys.executable, "-c", WRITER, str(path), DIGEST, value] for value in ("1", "2")]
    writers = [subprocess.Popen(command) for command in commands]  # noqa: S603 - our own interpreter
    while any(writer.poll() is None for writer in writers):
        load_weights(path, DIGEST)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert load_weights(path, DIGEST)[0]["weight"].unique().tolist() in ([1.0], [2.0])
    assert list(path.parent.iterdir()) == [path]


def test_the_folder_is_the_users_or_the_variables(monkeypatch, tmp_path):
    monkeypatch.delenv("NEURALMATRIX_CACHE", raising=False)
    assert cache_folder() == platformdirs.user_cache_path("neuralmatrix")
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("NEURALMATRIX_CACHE", "~/weights")
    assert cache_folder() == Path.home() / "weights"


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    blocked = tmp_path / "file" / "cache"
    blocked.parent.write_text("not a folder")
    with pytest.raises(
        ValueError, match=r"^cache folder .*: cannot be written \(.*\): set NEURALMATRIX_CACHE"
    ):
        require_writable(blocked)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="Permission denied"):
        require_writable(tmp_path)
