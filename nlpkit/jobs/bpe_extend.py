"""A pretrained tokenizer, or a model with it, extended by pieces of new texts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from nlpkit.errors import InputError
from nlpkit.jobs.bpe import Corpus, Source, check_filled, new_folder, refuse_existing
from nlpkit.jobs.rundir import Say

# files of slow tokenizers, which would not know the new pieces; weights are written anew
_STALE = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "config.json", "model.safetensors.index.json")
_DROPPED = (".safetensors", ".model", ".spm", ".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".msgpack", ".onnx")


def extend(
    name: str, sources: Sequence[Source], most: int, out: Path, *, overwrite: bool = False, say: Say = lambda _: None
) -> int:
    """Write the tokenizer or model ``name`` with at most so many new pieces into ``out``; returns how many.

    What it knew keeps its number. Raises InputError where the weights are no safetensors.
    """
    from nlpkit.config.subwords import Subwords
    from nlpkit.engine import extension, subword_coding

    refuse_existing(out, overwrite)
    folder = Path(name)
    has_weights = folder.is_dir() and (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
    if folder.is_dir():
        _check(folder, has_weights)
    raw = subword_coding.load(name)
    raw.encode_special_tokens = False
    corpus = Corpus(sources, Subwords(), lambda *_: None)
    words = extension.count(raw, (text for text, _ in corpus))
    check_filled(corpus)
    found = extension.extend(raw, words, most)
    if not found.parts:
        raise InputError("no new piece stands twice in the texts", "more text")
    before, after = (sum(_pieces(one, words)) for one in (raw, found.raw))
    with new_folder(out, overwrite) as new:
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.is_file() and path.name not in _STALE and path.suffix not in _DROPPED:
                shutil.copyfile(path, new / path.name)
        found.raw.save(str(new / "tokenizer.json"))
        if has_weights:
            size = extension.resize(folder, new, found.parts, lambda text: say(f"{text}: new rows"))
            say(f"the model has {size:,} rows of embeddings now; train it before use")
    if len(found.parts) < most:
        say(f"warning: {len(found.parts):,} new pieces were found, not the {most:,} asked for")
    total = sum(words.values())
    say(f"pieces a word of the new texts: {before / total:.3f} before, {after / total:.3f} now")
    return len(found.parts)


def _pieces(raw: object, words: dict[str, int]) -> list[int]:
    """The pieces of each word, times its count."""
    model = raw.model  # type: ignore[attr-defined]
    return [len(model.tokenize(word)) * count for word, count in words.items()]


def _check(folder: Path, has_weights: bool) -> None:
    names = {path.name for path in folder.iterdir()}
    if "bundle.json" in names:
        raise InputError(f"`{folder}` is a model of nlpkit", "extend the model it began with, and train that")
    if "config.json" in names and not has_weights and any(name.endswith((".bin", ".pt", ".pth")) for name in names):
        raise InputError(
            f"`{folder}` holds its weights as a pickle, which can run code when read",
            "convert it to safetensors on a machine you can throw away",
        )
