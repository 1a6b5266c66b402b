"""Vocabularies of sub-words, learned by ``tokenizers`` or ``sentencepiece``: the same bytes for the same texts.

In tokenizers 0.23 the trainers of WordPiece, of Unigram and of BPE with a suffix give other pieces on every run; its
plain BPE does not. So WordPiece and BPE with ``</w>`` are learned as plain BPE over symbols that stand for a letter and
its place, and Unigram by sentencepiece, in one thread, from sorted counts.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as RawTokenizer

from nlpkit.config.subwords import MARKS, Subwords
from nlpkit.errors import InputError

BLANK = "▁"
SUFFIX = "</w>"
PREFIX = "##"
LONGEST = 512  # characters: longer runs of letters are cut, else one of millions would be learned from for hours
# letters with their marks, joiners, and the modifiers and raised digits that write tones
_LETTERS = r"\p{L}\p{M}" + "\u02b0-\u02ff\ua700-\ua716\u200c\u200d\u00b2\u00b3\u00b9\u2070-\u2079"
_MOST_WORDS, _MOST_TEXT = 400_000, 1 << 25  # words, or characters, that wait to be cut
_MOST_PAIRS = 2**31 - 1  # the trainer counts pairs in 32 bits
_BLOCK = 2000  # characters given to the trainer at once: it holds 16 bytes for each
_BYTES = [f"<0x{number:02X}>" for number in range(256)]


@dataclass(slots=True)
class Learned:
    """Pieces that were learned: single symbols, then what was merged of which two, in order; or pieces with scores."""

    alphabet: list[str]
    merges: list[tuple[str, str]] = field(default_factory=list)
    scores: list[tuple[str, float]] = field(default_factory=list)

    def pieces(self) -> list[str]:
        """All of them, each once."""
        merged = (left + right for left, right in self.merges)
        return list(dict.fromkeys([*self.alphabet, *merged, *(piece for piece, _ in self.scores)]))


# -- how texts are cut


def cutter(spec: Subwords) -> RawTokenizer:
    """A tokenizer without pieces: its normalizer and pre-tokenizer are those of ``spec``."""
    raw = RawTokenizer(models.BPE())
    steps = _steps(spec)
    sign = {"metaspace": BLANK, "byte-level": " ", "whitespace": ""}[spec.cut]
    if sign:  # the first word gets a blank too, so that it has the pieces of the others; the decoder drops it
        steps.append(normalizers.Prepend(sign))
    if sign == BLANK:
        steps.append(normalizers.Replace(" ", BLANK))
    if steps:
        raw.normalizer = normalizers.Sequence(steps)
    split: Any = pre_tokenizers.Split(Regex(_pattern(spec, sign)), "isolated")
    if spec.cut == "byte-level":
        split = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    elif spec.cut == "whitespace":
        split = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), split])
    raw.pre_tokenizer = split
    return raw


def _steps(spec: Subwords) -> list[Any]:
    """Normalizers that change letters."""
    steps: list[Any] = [normalizers.Lowercase()] if spec.lower else []
    if spec.form != "none":
        steps.append(normalizers.NFC() if spec.form == "NFC" else normalizers.NFKC())
    return steps


def _pattern(spec: Subwords, sign: str) -> str:
    """What is learned and cut by itself: a word, a number, or a sign with its marks, with the blank before it."""
    before = f"{sign}?" if sign else ""
    numbers = r"\p{N}" if spec.split_digits else rf"\p{{N}}{{1,{LONGEST}}}"
    signs = rf"[^{sign}\s\p{{N}}{_LETTERS}]\p{{M}}{{0,{LONGEST}}}"
    ways = [rf"[{_LETTERS}]{{1,{LONGEST}}}", numbers, signs]
    if words := sorted(protected(spec), key=lambda word: (-len(word), word)):
        inside = rf"[{_LETTERS}\p{{N}}_]"
        ways.insert(0, rf"(?<!{inside})(?:{'|'.join(map(re.escape, words))})(?!{inside})")
    return "|".join([*(before + way for way in ways), r"[\s\S]"])


def protected(spec: Subwords) -> list[str]:
    """The protected words as they stand in normalized text."""
    normalizer = normalizers.Sequence(_steps(spec))
    return list(dict.fromkeys(normalizer.normalize_str(word) for word in spec.protected))


def whole(spec: Subwords) -> list[str]:
    """The protected words as pieces: with and without a blank before them."""
    words = protected(spec)
    if spec.cut == "metaspace":
        return [sign + word for word in words for sign in (BLANK, "")]
    if spec.cut == "byte-level":
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return [level.pre_tokenize_str(sign + word)[0][0] for word in words for sign in (" ", "")]
    return words


class Words:
    """Counts the words of texts, cut as ``spec`` says; memory grows with different words only."""

    def __init__(self, spec: Subwords) -> None:
        raw = cutter(spec)
        self._normalize = raw.normalizer.normalize_str if raw.normalizer is not None else str
        self._cut = raw.pre_tokenizer.pre_tokenize_str
        self._waiting: Counter[str] = Counter()
        self._size = 0
        self._counts: Counter[str] = Counter()
        self._whole = set(whole(spec))

    def add(self, text: str) -> None:
        self._waiting.update(text.split(" "))  # no word spans a blank
        self._size += len(text)
        if len(self._waiting) > _MOST_WORDS or self._size > _MOST_TEXT:
            self._settle()

    def counts(self) -> Counter[str]:
        """The words so far, less the protected ones."""
        self._settle()
        return self._counts

    def _settle(self) -> None:
        counts, known = self._counts, self._whole
        for text, count in self._waiting.items():
            for word, _ in self._cut(self._normalize(text)):
                if word not in known:
                    counts[word] += count
        self._waiting.clear()
        self._size = 0


def weighted(counts: Mapping[str, int], weight: float, seed: int) -> Counter[str]:
    """The counts times ``weight``, rounded up or down by chance, which the word and the seed decide."""
    found = Counter[str]()
    for word, count in counts.items():
        wanted = count * weight
        chance = zlib.crc32(word.encode("utf-8", "surrogatepass"), seed & 0xFFFFFFFF) / 2**32
        if rounded := int(wanted + chance):
            found[word] = rounded
    return found


# -- learning


def from_texts(texts: Iterable[str], spec: Subwords, room: int) -> Learned:
    """Plain BPE from texts as they come; ``room`` is for letters and what is merged."""
    raw = cutter(spec)
    if words := whole(spec):
        pattern = "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))
        drop = pre_tokenizers.Split(Regex(rf"\A(?:{pattern})\z"), "removed")
        raw.pre_tokenizer = pre_tokenizers.Sequence([raw.pre_tokenizer, drop])
    trainer = _trainer(room, spec)
    raw.train_from_iterator(texts, trainer)
    return _learned(raw)


def from_counts(counts: Mapping[str, int], spec: Subwords, room: int, letters: Iterable[str] = ()) -> Learned:
    """The same from counted words, or another algorithm; ``letters`` are pieces even where no word has them."""
    if spec.algorithm == "unigram":
        return _unigram(counts, room, letters)
    if spec.cut == "whitespace":
        return _placed(counts, spec, room, letters)
    raw = RawTokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.CharDelimiterSplit("\n")
    raw.train_from_iterator(_repeated(counts), _trainer(room, spec, letters))
    return _learned(raw)


def with_parity(
    counts: Sequence[Mapping[str, int]], tried: Sequence[Mapping[str, int]], spec: Subwords, room: int
) -> Learned:
    """BPE whose next merge is that of the language with the worst compression of the words ``tried``."""
    letters = {char for words in counts for word in words for char in word} - {"\n"}
    if spec.cut == "byte-level":
        letters |= set(pre_tokenizers.ByteLevel.alphabet())
    if len(letters) > room:
        return Learned(sorted(letters))
    raw = RawTokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.CharDelimiterSplit("\n")
    trainer = trainers.ParityBpeTrainer(
        num_merges=room - len(letters), variant=spec.parity, min_frequency=spec.least, show_progress=False,
        initial_alphabet=sorted(letters),
    )  # fmt: skip
    trainer.train_from_iterator(
        raw, train_iterators=[_repeated(words) for words in counts], dev_iterators=[_repeated(words) for words in tried]
    )
    return _learned(raw)


def _trainer(room: int, spec: Subwords, letters: Iterable[str] = ()) -> Any:
    first = pre_tokenizers.ByteLevel.alphabet() if spec.cut == "byte-level" else letters
    return trainers.BpeTrainer(
        vocab_size=room, min_frequency=spec.least, initial_alphabet=sorted(set(first)), show_progress=False
    )


def _learned(raw: RawTokenizer) -> Learned:
    found = json.loads(raw.to_str())["model"]
    merges = [tuple(pair) for pair in found["merges"]]
    return Learned(sorted(piece for piece in found["vocab"] if len(piece) == 1), merges)


def _repeated(counts: Mapping[str, int]) -> Iterator[str]:
    """Every word as often as it counts, in lines: the trainer takes texts only."""
    total = sum(count * len(word) for word, count in counts.items())
    less = total // _MOST_PAIRS + 1
    part: list[str] = []
    size = 0
    for word in sorted(counts):
        line = word + "\n"
        left = -(-counts[word] // less) if word != "\n" else 0
        while left > 0:
            now = min(left, max(1, _BLOCK // len(line)))
            part.append(line * now)
            left, size = left - now, size + now * len(line)
            if size >= _BLOCK:
                yield "".join(part)
                part, size = [], 0
    yield "".join(part)


def _placed(counts: Mapping[str, int], spec: Subwords, room: int, letters: Iterable[str]) -> Learned:
    """BPE over letters that know whether they begin (WordPiece) or end (``</w>``) a word."""
    first = spec.algorithm == "wordpiece"

    def symbols(word: str) -> list[str]:
        if first:
            return [word[0], *(PREFIX + char for char in word[1:])]
        return [*word[:-1], word[-1] + SUFFIX]

    # all letters in both places, so that no word with them is unknown
    chars = sorted({char for word in counts for char in word} | set(letters))
    other = [(PREFIX + char if first else char + SUFFIX) for char in chars]
    names = {symbol: sign_of(at) for at, symbol in enumerate([*chars, *other])}
    if len(names) > room:
        return Learned(list(names))
    raw = RawTokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.CharDelimiterSplit("\n")
    renamed = {"".join(names[symbol] for symbol in symbols(word)): count for word, count in counts.items()}
    raw.train_from_iterator(_repeated(renamed), _trainer(room, spec, names.values()))
    back = {sign: symbol for symbol, sign in names.items()}

    def spelled(piece: str) -> str:
        found = [back[sign] for sign in piece]
        return found[0] + "".join(symbol.removeprefix(PREFIX) for symbol in found[1:]) if first else "".join(found)

    merges = [(spelled(left), spelled(right)) for left, right in _learned(raw).merges]
    if first:
        pieces = [left + right.removeprefix(PREFIX) for left, right in merges]
        return Learned(list(dict.fromkeys([*names, *pieces])))
    return Learned(list(names), merges)


def sign_of(number: int) -> str:
    """The character that stands for symbol ``number``: no surrogate and no line break."""
    return chr(0x100 + number if number < 0xD700 else 0x900 + number)


def _unigram(counts: Mapping[str, int], room: int, letters: Iterable[str]) -> Learned:
    """A unigram model (Kudo, 2018) by sentencepiece, one thread."""
    import io

    import sentencepiece

    chars = sorted(({char for word in counts for char in word} | set(letters)) - {"\t", "\n", "\r"})
    if len(chars) >= room:
        return Learned(chars)
    lines = (f"{word}\t{counts[word]}" for word in sorted(counts) if not {"\t", "\n", "\r", "\0"}.intersection(word))
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=lines, model_writer=model, input_format="tsv", model_type="unigram", vocab_size=room + 1,
            character_coverage=1.0, required_chars="".join(letters), normalization_rule_name="identity",
            add_dummy_prefix=False, remove_extra_whitespaces=False, split_by_unicode_script=False,
            split_by_number=False, max_sentencepiece_length=32, max_sentence_length=8 * LONGEST, num_threads=1,
            hard_vocab_limit=False, shuffle_input_sentence=False, unk_id=0, bos_id=-1, eos_id=-1, pad_id=-1,
            minloglevel=2,
        )  # fmt: skip
    except RuntimeError as error:
        raise InputError(f"sentencepiece cannot learn from this: {error}", "more text, or another algorithm") from None
    found = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    scores = [(found.id_to_piece(at), found.get_score(at)) for at in range(1, found.get_piece_size())]
    have = {piece for piece, _ in scores}
    least = min((score for _, score in scores), default=0.0)
    scores += [(char, least) for char in chars if char not in have]
    return Learned([], scores=scores[:room])


# -- the tokenizer


def fixed(spec: Subwords, languages: Iterable[str]) -> list[str]:
    """The pieces that no text is needed for."""
    tags = [f"<{language}>" for language in sorted(languages)] if spec.language_tags else []
    return list(dict.fromkeys([*MARKS, *tags, *(_BYTES if spec.byte_fallback else []), *whole(spec)]))


def built(spec: Subwords, learned: Learned, languages: Iterable[str]) -> RawTokenizer:
    """The tokenizer that cuts into the pieces."""
    first = fixed(spec, languages)
    pieces = list(dict.fromkeys([*first, *learned.pieces()]))
    vocabulary = {piece: at for at, piece in enumerate(pieces)}
    raw = cutter(spec)
    if spec.algorithm == "unigram":
        raw.model = _unigram_model(pieces, learned, set(whole(spec)), spec)
    elif spec.algorithm == "wordpiece":
        raw.model = models.WordPiece(vocabulary, unk_token=MARKS[0], max_input_chars_per_word=LONGEST)
    else:
        suffix = {"end_of_word_suffix": SUFFIX} if spec.cut == "whitespace" else {}
        raw.model = models.BPE(
            vocabulary, learned.merges, unk_token=MARKS[0], byte_fallback=spec.byte_fallback,
            ignore_merges=bool(spec.protected), **suffix,
        )  # fmt: skip
    raw.decoder = _decoder(spec)
    marked(raw, [f"<{language}>" for language in sorted(languages)] if spec.language_tags else [])
    return raw


def from_codes(letters: Sequence[str], merges: Sequence[tuple[str, str]]) -> RawTokenizer:
    """BPE of merges whose words end in ``</w>`` and are cut at blanks only, as subword-nmt has them."""
    pieces = dict.fromkeys([*MARKS, *letters, *(part for pair in merges for part in (*pair, "".join(pair)))])
    vocabulary = {piece: at for at, piece in enumerate(pieces)}
    raw = RawTokenizer(models.BPE(vocabulary, merges, unk_token=MARKS[0], end_of_word_suffix=SUFFIX))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.decoder = decoders.BPEDecoder(SUFFIX)
    marked(raw)
    return raw


def marked(raw: RawTokenizer, tags: Sequence[str] = ()) -> None:
    """Make the marks special and put begin and end around texts; ``tags`` are found in texts."""
    raw.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in MARKS])
    raw.add_tokens([AddedToken(tag, lstrip=True, rstrip=True, normalized=False) for tag in tags])
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B:1 </s>:1",
        special_tokens=[(mark, raw.token_to_id(mark)) for mark in ("<s>", "</s>")],
    )


def _unigram_model(pieces: Sequence[str], learned: Learned, kept: set[str], spec: Subwords) -> Any:
    scores = dict(learned.scores)
    least = min(scores.values(), default=0.0) - 10
    # a protected word costs nothing, so that no other way to cut it is better; bytes come last
    entries = [(piece, 0.0 if piece in kept else scores.get(piece, least)) for piece in pieces]
    return models.Unigram(entries, unk_id=0, byte_fallback=spec.byte_fallback)


def _decoder(spec: Subwords) -> Any:
    if spec.algorithm == "wordpiece":
        return decoders.WordPiece(PREFIX, cleanup=False)
    if spec.cut == "whitespace":
        return decoders.BPEDecoder(SUFFIX)
    if spec.cut == "byte-level":
        return decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    middle = [decoders.ByteFallback()] if spec.byte_fallback else []
    return decoders.Sequence([decoders.Replace(BLANK, " "), *middle, decoders.Fuse(), decoders.Strip(" ", 1, 0)])


def save(raw: RawTokenizer, folder: Path, marks: Mapping[str, str]) -> None:
    """tokenizer.json, and what transformers wants beside it; ``marks`` are pieces by their use."""
    raw.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **marks, "clean_up_tokenization_spaces": False}
    text = json.dumps(config, ensure_ascii=False, indent=1)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


USES = {
    "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "mask_token": "<mask>",
    "cls_token": "<s>", "sep_token": "</s>",
}  # fmt: skip
