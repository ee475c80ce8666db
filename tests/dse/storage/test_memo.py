import sqlite3
import threading
import time
from contextlib import closing

import pytest

from dse.errors import UserError
from dse.storage import open_sqlite, open_url
from dse.storage.memo import memo_key


@pytest.fixture
def memo(tmp_path):
    return open_sqlite(tmp_path / "study.db").memo


def test_the_key_is_what_the_score_depends_on():
    assert memo_key(a=1, b={"x": 2, "y": 3}) == memo_key(b={"y": 3, "x": 2}, a=1)
    assert memo_key(a=1) != memo_key(a=2)
    assert len(memo_key(a=1)) == 64


def test_a_score_is_made_once_and_kept(memo, tmp_path):
    assert memo.get("k") is None
    assert memo.get_or_make("k", lambda: {"accuracy": 0.1}) == {"accuracy": 0.1}
    again = open_sqlite(tmp_path / "another.db").memo
    assert again.get_or_make("k", lambda: pytest.fail("made twice")) == {"accuracy": 0.1}


def test_floats_come_back_to_the_bit(memo):
    value = 0.1 + 0.2
    memo.get_or_make("k", lambda: {"accuracy": value})
    assert memo.get("k")["accuracy"] == value


def test_whoever_wants_what_is_being_made_waits_for_it(memo, tmp_path):
    made = []

    def make():
        made.append(1)
        time.sleep(0.3)
        return {"accuracy": 0.5}

    others = [open_sqlite(tmp_path / "study.db").memo for _ in range(4)]
    found = []
    threads = [threading.Thread(target=lambda m=m: found.append(m.get_or_make("k", make))) for m in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    assert found == [{"accuracy": 0.5}] * 4


def test_a_score_that_fails_is_not_kept_and_can_be_tried_again(memo):
    with pytest.raises(ZeroDivisionError):
        memo.get_or_make("k", lambda: 1 / 0)
    assert memo.get_or_make("k", lambda: {"accuracy": 0.5}) == {"accuracy": 0.5}


@pytest.fixture
def pair(place):
    """The memos of two processes."""
    return [open_url(place).memo for _ in range(2)]


def test_a_claim_is_had_by_one_until_it_lets_go(pair):
    own, other = pair
    assert own.claim("k")
    assert not other.claim("k")
    assert other.claim("another")
    assert own.get_or_make("k", lambda: {"accuracy": 0.5}) == {"accuracy": 0.5}
    assert not other.claim("k")  # others have not heard of it yet
    own.release()
    assert other.claim("k")
    assert other.get_or_make("k", lambda: pytest.fail("made twice")) == {"accuracy": 0.5}
    other.release()


def test_a_claim_without_a_score_leaves_it_to_others(pair):
    own, other = pair
    assert own.claim("k")
    with pytest.raises(ZeroDivisionError):
        own.get_or_make("k", lambda: 1 / 0)
    own.release()
    assert other.get_or_make("k", lambda: {"accuracy": 0.5}) == {"accuracy": 0.5}


def test_whoever_wants_what_is_claimed_waits_for_it(pair):
    own, other = pair
    own.claim("k")
    found = []
    waiting = threading.Thread(
        target=lambda: found.append(other.get_or_make("k", lambda: pytest.fail("made twice")))
    )
    waiting.start()
    own.get_or_make("k", lambda: {"accuracy": 0.5})
    waiting.join(timeout=0.2)
    assert waiting.is_alive()
    own.release()
    waiting.join()
    assert found == [{"accuracy": 0.5}]


def test_a_damaged_memo_is_named(tmp_path, memo):
    file = tmp_path / "memo" / "scores.db"
    memo.engine.dispose()
    for extra in ("-wal", "-shm"):
        file.with_name(file.name + extra).unlink(missing_ok=True)
    file.write_bytes(b"nonsense" * 1000)
    with pytest.raises(UserError, match=r"scores\.db: not a readable memo of scores: delete it"):
        _ = open_sqlite(tmp_path / "study.db").memo


def test_it_is_a_plain_table(memo, tmp_path):
    memo.get_or_make("k", lambda: {"accuracy": 0.5})
    with closing(sqlite3.connect(tmp_path / "memo" / "scores.db")) as database:
        rows = database.execute("SELECT key, figures FROM neuralmatrix_scores").fetchall()
    assert rows == [("k", '{"accuracy": 0.5}')]
