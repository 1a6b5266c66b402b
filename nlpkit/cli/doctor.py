"""``nlpkit doctor``."""

from __future__ import annotations

from nlpkit.cli import options
from nlpkit.cli.streams import print_json, print_lines
from nlpkit.errors import CheckFailed, counted


def doctor(as_json: options.Json = False) -> None:
    """Show versions, devices and folders, and name what is known to go wrong; exit 1 if something is wrong.

    \b
    nlpkit doctor
    nlpkit doctor --json
    """
    from nlpkit.jobs.doctor import examine

    facts, wrong = examine()
    if as_json:
        print_json({**facts, "problems": wrong})
    else:
        print_lines(f"{key}: {value}" for key, value in facts.items())
        print_lines(f"problem: {text}" for text in wrong)
    if wrong:
        raise CheckFailed(counted(len(wrong), "problem"))
