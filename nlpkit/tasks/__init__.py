"""One file a task; none of them knows torch. ``ls nlpkit/tasks`` is the list of tasks."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from nlpkit.config.explain import unknown
from nlpkit.tasks.base import Task


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("base"))


def named(name: str) -> type[Task]:
    """The class of a task. Raises InputError for a name that is none."""
    if name not in names():
        raise unknown("task", name, names(), "tasks: " + ", ".join(names()))
    found: type[Task] = import_module(f"nlpkit.tasks.{name}").TASK
    return found
