"""What both kinds of lock promise."""

import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy

from dse.storage import parse
from dse.storage.locks import AdvisoryLocks, FileLocks

HOLDER = """
import sys, time, sqlalchemy
from pathlib import Path
from dse.storage.locks import AdvisoryLocks, FileLocks
place = sys.argv[1]
locks = AdvisoryLocks(sqlalchemy.create_engine(place)) if "://" in place else FileLocks(Path(place))
with locks.hold("a"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["files", "postgresql"])
def made(request, tmp_path):
    """Make locks as another process would; and where they are."""
    if request.param == "files":
        return lambda: FileLocks(tmp_path / "locks"), str(tmp_path / "locks")
    url = parse(request.getfixturevalue("postgresql").url()).set(drivername="postgresql+psycopg")
    text = url.render_as_string(hide_password=False)
    return lambda: AdvisoryLocks(sqlalchemy.create_engine(text)), text


def test_one_holds_it_and_others_see_that(made):
    first, second = made[0](), made[0]()
    with first.hold("a") as held:
        assert held
        with second.hold("a", wait=False) as other:
            assert not other
        with second.hold("b", wait=False) as other:
            assert other
    with second.hold("a", wait=False) as other:
        assert other


def test_who_waits_gets_it_when_it_is_free(made):
    order = []

    def wait():
        with made[0]().hold("a"):
            order.append("second")

    with made[0]().hold("a"):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join(timeout=20)
    assert order == ["first", "second"]


def test_a_killed_process_holds_nothing(made):
    make, place = made
    process = subprocess.Popen([sys.executable, "-c", HOLDER, place], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout.readline() == "held\n"
    locks = make()
    with locks.hold("a", wait=False) as held:
        assert not held
    process.kill()
    process.wait()
    deadline, held = time.monotonic() + 20, False
    while not held and time.monotonic() < deadline:
        with locks.hold("a", wait=False) as held:
            pass
    assert held


def test_it_is_let_go_if_the_work_fails(made):
    locks = made[0]()
    with pytest.raises(ZeroDivisionError), locks.hold("a"):
        raise ZeroDivisionError
    with made[0]().hold("a", wait=False) as held:
        assert held


def test_a_lock_whose_purpose_is_served_leaves_no_file(tmp_path):
    locks = FileLocks(tmp_path)
    with locks.hold("a"):
        locks.forget("a")
    assert list(tmp_path.iterdir()) == []
