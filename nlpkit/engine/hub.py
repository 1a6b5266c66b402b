"""A model's name to a folder: one that is there, or a Hub id that is fetched when online. Never a pickle."""

from __future__ import annotations

from pathlib import Path

from nlpkit.errors import InputError, RunError

# what a model needs; weights in other formats are never fetched
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.spm", "*.u32", "*.crfsuite", "pipeline/*"]
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


def folder_of(name: str, revision: str | None = None) -> Path:
    """The folder called ``name``, or a snapshot of the Hub id ``name``; checked to hold a model.

    A folder opens no socket. Raises InputError where there is no model, RunError where the Hub cannot be read.
    """
    path = Path(name)
    if not path.is_dir():
        local = path.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1 or path.parent.is_dir()
        if local:
            raise InputError(f"no model folder `{name}`", "see `nlpkit model list`")
        path = _fetched(name, revision)
    _check(path, name)
    return path


def _fetched(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED))
    except (OSError, ValueError, RuntimeError) as error:  # what huggingface_hub's own errors derive from
        text = str(error).strip()
        first = text.splitlines()[0] if text else type(error).__name__
        raise RunError(  # a name that is neither may be a path mistyped
            f"no folder `{name}` here, and: cannot load `{name}` from the Hub: {first}",
            "a folder: check its path; a Hub id: is this machine offline?",
        ) from None


def _check(path: Path, name: str) -> None:
    names = sorted(child.name for child in path.iterdir())
    if "config.json" not in names:
        have = ", ".join(names[:8]) or "nothing"
        raise InputError(
            f"`{name}` is no model: it has no config.json (it holds {have})", "the model of a run lies in RUN/model"
        )
    if not {"model.safetensors", "model.safetensors.index.json", "model.crfsuite", "pipeline"}.isdisjoint(names):
        return
    if pickles := [child for child in names if child.endswith(_PICKLES)]:
        raise InputError(
            f"`{name}` holds its weights as a pickle (`{pickles[0]}`), which can run code when read",
            "convert it to safetensors on a machine you can throw away",
        )
    raise InputError(f"`{name}` has no weights (model.safetensors)", "copy the whole folder, or train the model again")
