"""One vocabulary of source and target, trained on the spot: BPE pieces of texts, or symbols as they are."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as RawTokenizer

from nlpkit.errors import InputError
from nlpkit.text.scripts import COMMON, LETTERS, script_of

END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"


class Joint:
    """Texts to ids and back. Needs neither torch nor transformers, which read its files too.

    ``<pad>`` has the last id and begins every target, as Marian wants it; tags of languages stand before a source.
    """

    width = 1  # numbers a piece

    def __init__(self, raw: RawTokenizer) -> None:
        self.raw = raw
        raw.encode_special_tokens = True  # `</s>` in a text is five characters, not the end
        self.end, self.unknown, self.pad = (int(raw.token_to_id(mark) or 0) for mark in (END, UNKNOWN, PAD))
        self._marks = {at for at, token in raw.get_added_tokens_decoder().items() if token.special}
        self._banned: dict[str | None, list[bool]] = {}

    def __len__(self) -> int:
        return int(self.raw.get_vocab_size())

    def pieces(self) -> list[str]:
        """All pieces in the order of their ids."""
        return [self.raw.id_to_token(number) or "" for number in range(len(self))]

    def sources(self, texts: Sequence[str], tags: Sequence[str], langs: Sequence[str]) -> list[list[int]]:
        """Ids of texts, each behind its tag (none where that is empty), with the end."""
        return [([self._tag(tag)] if tag else []) + found for tag, found in zip(tags, self._encode(texts), strict=True)]

    def targets(self, texts: Sequence[str], langs: Sequence[str]) -> list[list[int]]:
        """Ids of texts with the start and the end."""
        return [[self.pad, *found] for found in self._encode(texts)]

    def begin(self, lang: str) -> list[int]:
        """What an answer in a language begins with."""
        return [self.pad]

    def bare(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts without start and end."""
        return [found[:-1] for found in self._encode(texts)]

    def said(self, ids: Sequence[int]) -> str:
        """The text of an answer."""
        found: str = self.raw.decode(list(ids), skip_special_tokens=True)
        return found

    def banned(self, script: str | None) -> list[bool]:
        """Of each piece whether it is never written: marks, tags, and letters of another script than ``script``."""
        if script not in self._banned:
            if script is not None:
                self._check_letters()
            self._banned[script] = ruled_out(self.pieces(), self._marks, self.end, script)
        return self._banned[script]

    def save(self, folder: Path) -> None:
        self.raw.save(str(folder / "tokenizer.json"))
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "unk_token": UNKNOWN, "pad_token": PAD,
            "clean_up_tokenization_spaces": False,
        }  # fmt: skip
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Joint:
        try:
            raw = RawTokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises a bare Exception
            raise InputError(f"`{folder / 'tokenizer.json'}` is damaged: {error}", "copy or train it again") from None
        return cls(raw)

    def _check_letters(self) -> None:
        from nlpkit.engine.subword_coding import of_bytes

        if of_bytes(json.loads(self.raw.to_str())):
            raise InputError("the pieces of this model are bytes, which have no script", "leave out the script")

    def _tag(self, tag: str) -> int:
        number = self.raw.token_to_id(tag)
        if number is None:
            raise InputError(f"the model has no tag `{tag}`", "it was trained on other languages")
        return int(number)

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids with the end. Among symbols a text's own `</s>` or tag would be found as what it looks like."""
        found = [encoded.ids for encoded in self.raw.encode_batch(list(texts))]
        return [[*(self.unknown if at in self._marks else at for at in ids[:-1]), self.end] for ids in found]


def ruled_out(pieces: Sequence[str], marks: Container[int], end: int, script: str | None) -> list[bool]:
    """Of each piece whether it is one of ``marks``, but not the end, or holds a letter of another script."""
    check_script(script, pieces)
    found = [number in marks or foreign(piece, script) for number, piece in enumerate(pieces)]
    found[end] = False
    return found


def check_script(script: str | None, pieces: Sequence[str]) -> None:
    """Raise InputError for a script of which no piece has a letter."""
    if script is None:
        return
    wanted = LETTERS.get(script, (script,))
    if not any(script_of(char) in wanted for piece in pieces for char in piece):
        raise InputError(f"the model has no piece in the script `{script}`", "an ISO 15924 code such as Latn or Deva")


def foreign(piece: str, script: str | None) -> bool:
    """Whether a piece holds a letter of another script than ``script``, or a mark on one; not so the danda of many."""
    if script is None:
        return False
    own = (*LETTERS.get(script, (script,)), COMMON)
    return any(script_of(char) not in own for char in piece if unicodedata.category(char)[0] in "LM")


def train(texts: Iterable[str], vocabulary: int, tags: Sequence[str], *, symbols: bool) -> Joint:
    """BPE (Sennrich et al., 2016) with Metaspace on NFC text, marks of punctuation and digits apart.

    With ``symbols`` what stands between blanks is one piece. The same bytes for the same texts.
    """
    marks = [END, UNKNOWN, *tags]
    if symbols:
        counts = Counter(symbol for text in texts for symbol in text.split() if symbol != PAD)
        found = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))
        every = dict.fromkeys([*marks, *found])
        raw = RawTokenizer(models.WordLevel({piece: at for at, piece in enumerate(every)}, unk_token=UNKNOWN))
        raw.add_special_tokens(marks)
        raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    else:
        raw = RawTokenizer(models.BPE(unk_token=UNKNOWN))
        raw.normalizer = normalizers.NFC()
        raw.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Metaspace(),
                # one by one, so that no piece is a word with its comma, and 2027 is known from 1, 9, 8, 2 ...
                pre_tokenizers.Split(Regex(r"[\p{P}\p{Nd}]"), "isolated"),
            ]
        )
        raw.decoder = decoders.Metaspace()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary - 1, min_frequency=2, special_tokens=marks, show_progress=False
        )
        raw.train_from_iterator(texts, trainer)
    return ended(raw)


def ended(raw: RawTokenizer) -> Joint:
    """The tokenizer with ``<pad>`` behind its last piece and ``</s>`` behind its texts."""
    raw.add_special_tokens([PAD])
    raw.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, raw.token_to_id(END))])
    return Joint(raw)
