import os
import signal
import threading

import pytest

from dse.loop.interruption import SIGNALS, Interruption


@pytest.fixture(autouse=True)
def heard():
    """Signals as a terminal's foreground process has them: in the background Ctrl-C may be ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number=signal.SIGINT):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_for_a_check(number):
    with Interruption().held() as interruption:
        send(number)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()


def test_a_signal_waits_for_work_that_may_be_broken_off():
    begun = False
    with Interruption().held() as interruption:
        send()
        with pytest.raises(KeyboardInterrupt), interruption.at_once():
            begun = True
    assert not begun


def test_work_that_may_be_broken_off_is_and_other_work_is_not():
    with Interruption().held() as interruption:
        with pytest.raises(KeyboardInterrupt), interruption.at_once():
            send()
        interruption.check()
        send()


def test_a_second_signal_is_obeyed_anywhere():
    with Interruption().held():
        send()
        with pytest.raises(KeyboardInterrupt):
            send()


def test_handlers_are_put_back_and_ignored_signals_stay_ignored(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with Interruption().held() as interruption:
            send()
            interruption.check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(RuntimeError), Interruption().held():
        raise RuntimeError
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_leaves_signals_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def hold():
        with Interruption().held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert seen == [before]
