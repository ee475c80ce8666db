"""`neuralmatrix worker`: which Dask worker it becomes, and what it refuses."""

import pytest

from dse.cli.worker import dask_worker
from dse.errors import UserError

pytest.importorskip("distributed", reason="needs distributed, of the extra `cluster`")


def test_a_missing_scheduler_is_one_line_and_exit_status_2(cli, monkeypatch):
    monkeypatch.setattr("dse.loop.executors.cluster.CONNECT_S", 0.5)
    status, out, err = cli("worker", "tcp://127.0.0.1:9")
    assert (status, out) == (2, "")
    assert err == "tcp://127.0.0.1:9: no Dask scheduler answers within 0.5 s\n"


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://"])
def test_what_is_no_address(address):
    with pytest.raises(UserError, match=r"must be tcp://HOST:PORT or tls://HOST:PORT"):
        dask_worker(address, 1, None)


def test_it_listens_beside_a_scheduler_of_this_machine_and_nowhere_else():
    command = dask_worker("tcp://localhost:8786", 4, None)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--nworkers") + 1] == "4"
    assert "--no-dashboard" in command
    assert "--host" not in dask_worker("tls://head:8786", 1, None)
    assert "10.0.0.7" in dask_worker("tls://head:8786", 1, "10.0.0.7")
