import json

import pytest

from dse.evaluate import ScoreCache, score_key

KEY = score_key(network="n", tables={"gelu": {"segments": 8}})


def test_a_score_comes_back_as_it_was(tmp_path):
    cache = ScoreCache(tmp_path)
    assert cache.get(KEY) is None
    cache.put(KEY, {"accuracy": 1 / 3, "direction": "text"})
    assert ScoreCache(tmp_path).get(KEY) == {"accuracy": 1 / 3, "direction": "text"}
    assert cache.get(score_key(network="other", tables={"gelu": {"segments": 8}})) is None


def test_a_key_does_not_depend_on_the_order_of_names():
    assert score_key(a=1, b={"c": 2, "d": 3}) == score_key(b={"d": 3, "c": 2}, a=1)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff", b'{"key": "another", "score": {"accuracy": 1}}']
)
def test_a_score_that_is_not_whole_is_made_anew(tmp_path, content):
    cache = ScoreCache(tmp_path)
    cache.put(KEY, {"accuracy": 1.0})
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(content)
    assert cache.get(KEY) is None
    cache.put(KEY, {"accuracy": 1.0})
    assert json.loads(path.read_text())["score"] == {"accuracy": 1.0}


def test_a_cache_that_cannot_be_used_is_named_once_and_gone_without(tmp_path):
    said = []
    (tmp_path / "taken").write_text("a file where the folder should be")
    cache = ScoreCache(tmp_path / "taken", said.append)
    for _ in range(2):
        assert cache.get(KEY) is None
        cache.put(KEY, {"accuracy": 1.0})
    (line,) = said
    assert line.startswith(f"score cache {tmp_path}/taken: cannot be ")
    assert line.endswith("; this run goes on without it")
