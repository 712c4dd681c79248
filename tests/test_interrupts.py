from __future__ import annotations

import signal
import threading

import pytest

from abcgen.system import defer_interrupts, sigterm_as_interrupt


def test_what_is_begun_is_done_before_ctrl_c_is_heard() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), defer_interrupts():  # noqa: PT012 - it goes on, in part
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), defer_interrupts():  # noqa: PT012 - likewise
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done = True
    assert not done


def test_a_request_to_end_is_answered_like_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt), sigterm_as_interrupt(), defer_interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_elsewhere_than_in_the_main_thread_nothing_is_touched() -> None:
    done: list[bool] = []

    def work() -> None:
        with sigterm_as_interrupt(), defer_interrupts():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
