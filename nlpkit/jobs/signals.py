"""SIGTERM, SIGINT and SIGUSR1 end a job within one step, with its work saved; a second signal ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from nlpkit.errors import Preempted

_WATCHED = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name))


class Signals:
    """Remembers the first signal while in use: ``with Signals() as signals: ... signals.poll()``.

    With ``at_once`` the signal itself raises Preempted: for jobs with nothing to save, which may wait for input.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
        self.caught: signal.Signals | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():  # only there may handlers be set
            self._before = {number: signal.signal(number, self._handle) for number in _WATCHED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.caught = signal.Signals(number)
        self._restore()
        if self._at_once:
            raise self.stop("stopped")

    def poll(self) -> None:
        """Raise Preempted if a signal came."""
        if self.caught is not None:
            raise self.stop("stopped")

    def stop(self, what: str, hint: str = "") -> Preempted:
        name = self.caught.name if self.caught is not None else "a signal"
        return Preempted(f"{what} by {name}", hint, interrupted=self.caught == signal.SIGINT)
