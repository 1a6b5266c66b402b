"""One worker answers all requests: those that wait are bounded in number, and those that are alike go together."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Generic, TypeVar

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")
Poll = Callable[[], None]

WAITING = 128  # requests
TOGETHER = 256  # texts


class Full(Exception):
    """As many requests as may wait do so already."""


class Dropped(Exception):
    """Nobody waits for the answer any more, or the worker is closed."""


@dataclass(eq=False, frozen=True, slots=True)
class _Job(Generic[Question, Answer]):
    question: Question
    texts: Sequence[str]
    deadline: float  # by time.monotonic
    future: Future[list[Answer]]


class Worker(Generic[Question, Answer]):
    """Calls ``answer(question, texts, poll)`` in a thread of its own; an answer for each text is wanted.

    ``poll`` raises Dropped when the time of all who wait for this answer is over, so that the next ones get theirs.
    """

    def __init__(
        self,
        answer: Callable[[Question, Sequence[str], Poll], list[Answer]],
        *,
        waiting: int = WAITING,
        together: int = TOGETHER,
    ) -> None:
        self._answer, self._most, self._together = answer, waiting, together
        self._jobs: deque[_Job[Question, Answer]] = deque()
        self._running: list[_Job[Question, Answer]] = []
        self._bell = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="nlpkit-demo", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._jobs)

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def ask(self, question: Question, texts: Sequence[str], seconds: float) -> Future[list[Answer]]:
        """The answers to come. One that nobody waits for is cancelled, or left alone after ``seconds``.

        Raises Full, and Dropped where the worker is closed.
        """
        with self._bell:
            if self._closed:
                raise Dropped
            if len(self._jobs) >= self._most:
                raise Full
            job: _Job[Question, Answer] = _Job(question, texts, time.monotonic() + seconds, Future())
            self._jobs.append(job)
            self._bell.notify()
        return job.future

    def close(self, seconds: float = 2.0) -> None:
        """Answer nothing more; what is being answered is left at its next poll, for which ``seconds`` are waited."""
        with self._bell:
            self._closed = True
            jobs = [*self._jobs, *self._running]
            self._jobs.clear()
            self._bell.notify()
        for job in jobs:
            with contextlib.suppress(InvalidStateError):  # it has just been answered
                job.future.set_exception(Dropped())
        self._thread.join(seconds)

    def _work(self) -> None:
        while not self._closed:
            self._next()
            if self._running:
                with contextlib.suppress(InvalidStateError):  # closed meanwhile
                    self._do(self._running)

    def _next(self) -> None:
        """Take the request that has waited longest and others of the same question, less those given up."""
        with self._bell:
            self._running = []
            self._bell.wait_for(lambda: self._jobs or self._closed)
            if self._closed:
                return
            batch = [self._jobs.popleft()]
            room = self._together - len(batch[0].texts)
            for job in list(self._jobs):
                if job.question == batch[0].question and len(job.texts) <= room:
                    self._jobs.remove(job)
                    batch.append(job)
                    room -= len(job.texts)
            self._running = [job for job in batch if job.future.set_running_or_notify_cancel()]

    def _do(self, batch: list[_Job[Question, Answer]]) -> None:
        def poll() -> None:
            if self._closed or all(time.monotonic() > job.deadline for job in batch):
                raise Dropped

        try:
            poll()
            answers = self._answer(batch[0].question, [text for job in batch for text in job.texts], poll)
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Dropped):  # the fault of one is not that of the others
                for job in batch:
                    self._do([job])
                return
            for job in batch:
                job.future.set_exception(error)
            return
        at = 0
        for job in batch:
            job.future.set_result(answers[at : at + len(job.texts)])
            at += len(job.texts)
