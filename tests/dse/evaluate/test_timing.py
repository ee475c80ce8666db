import signal
import threading
import time

import pytest

from dse.evaluate.timing import time_limit


def test_what_takes_longer_is_interrupted():
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"took longer than time_limit = 0\.1 s"), time_limit(0.1):
        time.sleep(30)
    assert time.monotonic() - start < 20


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_limit_that_is_reached_while_an_object_is_freed_is_not_lost():
    class Slow:
        def __del__(self):
            time.sleep(0.3)  # what is raised in here nobody sees

    def work():
        Slow()
        time.sleep(30)

    start = time.monotonic()
    with pytest.raises(TimeoutError), time_limit(0.1):
        work()
    assert time.monotonic() - start < 20


def test_what_is_done_in_time_is_left_alone_and_so_is_all_that_follows():
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(0.05):
        pass
    time.sleep(0.1)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    with time_limit(None):
        pass


def test_a_score_in_another_thread_is_interrupted_too():
    found = []

    def work():
        try:
            with time_limit(0.1):
                while True:  # steps of the interpreter, as a network's are
                    time.sleep(0.01)
        except TimeoutError as error:
            found.append(str(error))
        with time_limit(0.05):
            pass
        time.sleep(0.1)
        found.append("left alone")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=20)
    assert found == ["took longer than time_limit = 0.1 s", "left alone"]
