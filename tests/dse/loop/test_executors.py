"""A cluster's scheduler: what is no scheduler is refused in one line, within a stated time."""

import socket
import threading

import pytest

import dse
from dse.errors import UserError
from dse.loop.executors import find_scheduler

pytest.importorskip("distributed", reason="needs distributed, of the extra `cluster`")


@pytest.fixture
def listening():
    """A server that accepts connections and answers each with some bytes, or with nothing."""
    opened = []

    def listen(answer):
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # the test is over
                    return
                opened.append(connection)
                connection.sendall(answer)

        threading.Thread(target=accept, daemon=True).start()
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"

    yield listen
    for each in opened:
        each.close()


@pytest.fixture
def nobody():
    """The address of a port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"tcp://127.0.0.1:{port}"


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr("dse.loop.executors.cluster.CONNECT_S", 0.5)


def refusal(address):
    with pytest.raises(UserError) as refused:
        find_scheduler(address)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_nobody_answers(soon, nobody):
    assert refusal(nobody) == f"{nobody}: no Dask scheduler answers within 0.5 s"


def test_what_accepts_a_connection_and_says_nothing(soon, listening):
    silent = listening(b"")
    assert refusal(silent) == f"{silent}: no Dask scheduler answers within 0.5 s"


def test_another_server(listening):
    web = listening(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" * 4)
    assert refusal(web) == f"{web}: what answers there is no Dask scheduler"


def test_a_worker_is_no_scheduler():
    from distributed import LocalCluster

    options = {"threads_per_worker": 1, "dashboard_address": None, "protocol": "tcp://"}
    with LocalCluster(1, processes=False, **options) as cluster:
        (worker,) = cluster.workers.values()
        assert "a Dask worker answers there" in refusal(worker.address)


def test_tls_without_certificates():
    assert refusal("tls://127.0.0.1:9").startswith("tls://127.0.0.1:9: TLS expects a")


def test_a_run_finds_out_before_any_work(soon, light, tmp_path, nobody):
    def never(config):
        raise AssertionError

    with pytest.raises(UserError, match=f"^--cluster {nobody}: no Dask scheduler answers within 0.5 s$"):
        dse.run(tmp_path / "light.toml", 1, tmp_path / "out", cluster=nobody, make_network=never)
    assert not (tmp_path / "out").exists()
