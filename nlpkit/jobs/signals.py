"""SIGTERM, SIGINT and SIGUSR1 end a job within one step, with its work saved; a second signal ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, TypeVar

from nlpkit.errors import Preempted

_WATCHED = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name))


Row = TypeVar("Row")


class Signals:
    """Remembers the first signal while in use: ``with Signals() as signals: ... signals.poll()``.

    The handler raises nothing, because Python swallows what is raised while an object is being deleted; only a job that
    waits for its next row, perhaps for ever, is woken (``waiting``).
    """

    def __init__(self) -> None:
        self._waits = False
        self.caught: signal.Signals | None = None
        self._before: dict[int, Any] = {}

    def waiting(self, rows: Iterable[Row]) -> Iterator[Row]:
        """``rows``, whose reading a signal ends with Preempted."""
        rows = iter(rows)
        while True:
            self._waits = True
            self.poll()
            try:
                row = next(rows)
            except StopIteration:
                return
            finally:
                self._waits = False
            yield row

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
        if self._waits:
            raise self.stop("stopped")

    def poll(self) -> None:
        """Raise Preempted if a signal came."""
        if self.caught is not None:
            raise self.stop("stopped")

    def stop(self, what: str, hint: str = "") -> Preempted:
        name = self.caught.name if self.caught is not None else "a signal"
        return Preempted(f"{what} by {name}", hint, interrupted=self.caught == signal.SIGINT)
