from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from nlpkit.errors import Preempted
from nlpkit.jobs.signals import Signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)])
def test_a_signal_is_told_at_the_next_poll(number: signal.Signals, code: int) -> None:
    with Signals() as signals:
        signals.poll()
        os.kill(os.getpid(), number)
        with pytest.raises(Preempted, match=number.name) as caught:
            signals.poll()
    assert caught.value.exit_code == code


def test_a_job_that_waits_for_a_row_is_woken() -> None:
    def never() -> Iterator[str]:
        yield "first"
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        os.read(os.pipe()[0], 1)  # nothing ever comes
        yield "second"

    read: list[str] = []
    with Signals() as signals, pytest.raises(Preempted):
        read.extend(signals.waiting(never()))
    assert read == ["first"]


def test_rows_pass_through_unchanged() -> None:
    with Signals() as signals:
        assert list(signals.waiting([1, 2, 3])) == [1, 2, 3]


def test_the_handlers_that_were_there_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
