"""The errors a user is meant to read: a message, a hint, an exit code."""

from __future__ import annotations


class NlpkitError(Exception):
    """Something the user can act on. Printed as ``error: ...`` and ``hint: ...``, never as a traceback."""

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(NlpkitError):
    """Asked wrongly, or the data is bad: usage, recipe, card, a line of a file."""

    exit_code = 2


class CheckFailed(NlpkitError):
    """The command ran and its answer is no (``check``, ``--fail-under``)."""

    exit_code = 1


class RunError(NlpkitError):
    """Could not finish: download, memory, disk."""

    exit_code = 3


class Preempted(NlpkitError):
    """Stopped by a signal; resumable where a checkpoint could be saved.

    ``exit_code`` is 130 for SIGINT (Ctrl-C) and 75 (EX_TEMPFAIL) for SIGTERM and SIGUSR1.
    """

    def __init__(self, message: str, hint: str = "", *, interrupted: bool = False) -> None:
        super().__init__(message, hint)
        self.exit_code = 130 if interrupted else 75
