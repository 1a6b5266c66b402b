"""The errors a user is meant to read: a message, a hint, an exit code; and how messages count."""

from __future__ import annotations

_OF_ONE = {"are": "is", "have": "has"}


def counted(number: int, noun: str, verb: str = "", *, of: int | None = None) -> str:
    """``1 row``, ``2 rows``; ``1 row has``, ``2 rows have``, by the verb of many; ``1 of 2 rows has``."""
    several = noun.removesuffix("y") + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith("s") else "s")
    shown = noun if (number if of is None else of) == 1 else several
    if verb and number == 1:
        verb = _OF_ONE.get(verb, f"{verb}s")
    return f"{number}{'' if of is None else f' of {of}'} {shown}" + (f" {verb}" if verb else "")


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
