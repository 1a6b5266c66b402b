"""Code-mixed sentences made from a sentence, or from a sentence and its translation: pure functions on words.

Each gives a ``Mixed``: words with the language of each (0 the first, 1 the second, None for signs, numbers and names),
or None where nothing could be mixed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import regex

from nlpkit.text.alignment import Links
from nlpkit.text.normalize import nfc

FIRST, SECOND = 0, 1
_LETTERS = r"[\p{L}\p{M}\u200c\u200d]"  # joiners of Indic and Persian words stand within them
_PIECES = regex.compile(
    r"https?://\S+|[@#][\p{L}\p{M}\p{N}_]+|\p{N}+(?:[.,:]\p{N}+)*|[\p{L}\p{M}]"
    + _LETTERS
    + r"*(?:['’-]"
    + _LETTERS
    + r"+)*|\S"
)
_WORD = regex.compile(r"[\p{L}\p{M}]")
_RUNS = 0.25  # how much the places of neighbors in a random order agree: people switch in runs (measured on CMU-DoG)
Table = Mapping[str, Sequence[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Word:
    """A word or sign of a text, and whether white space stands before it."""

    text: str
    spaced: bool
    plain: bool  # a word of the language: no number, sign, link or name


@dataclass(slots=True)
class Mixed:
    """A mixed sentence; ``steps`` are the sentences after each substitution, where they were asked for."""

    words: list[str]
    languages: list[int | None]
    spaced: list[bool]
    steps: list[Mixed] = field(default_factory=list)

    @property
    def text(self) -> str:
        return joined(self.words, self.spaced)


def cut(text: str) -> list[Word]:
    """Words and signs of a text. A capitalized word inside a sentence is taken for a name."""
    found = []
    begins = True
    for match in _PIECES.finditer(text):
        piece = match[0]
        word = bool(_WORD.match(piece)) and "/" not in piece and piece[0] not in "@#"
        name = word and not begins and piece[0].isupper() and piece not in ("I", "I'm", "I'll", "I've", "I'd")
        found.append(Word(piece, match.start() > 0 and text[match.start() - 1].isspace(), word and not name))
        begins = piece in ".!?…।"
    return found


def joined(words: Sequence[str], spaced: Sequence[bool]) -> str:
    """The text of words, with a blank before those that are ``spaced``."""
    return "".join(
        (" " if blank and at else "") + word for at, (word, blank) in enumerate(zip(words, spaced, strict=True))
    )


def substitute(
    text: str,
    table: Table,
    dice: random.Random,
    *,
    rate: float,
    longest: int = 1,
    order: str = "random",
    rarity: Callable[[str], float] = lambda gram: 0.0,
    temperature: float = 0.0,
    steps: bool = False,
) -> Mixed | None:
    """Words and phrases of ``text`` replaced one after the other by what ``table`` has for them (CMDR).

    N-grams of at most ``longest`` words that stand in the table, longer ones first, until ``rate`` of the words that
    could be replaced are; in ``random`` order, in which neighbors are a little likelier to follow each other, by
    ``freq`` (``rarity``, rarest first) or by ``score``. The best
    translation is taken, or with a ``temperature`` one drawn by softmax(score / temperature). With ``steps`` the
    sentence after each replacement is kept.
    """
    words = cut(text)
    spans = _spans(words, table, longest)
    if not spans:
        return None
    eligible = sum(size for _, size, _ in spans)
    wanted = max(1, round(rate * eligible))
    if order == "freq":
        spans.sort(key=lambda span: (-rarity(span[2]), -span[1], span[0]))
    elif order == "score":
        spans.sort(key=lambda span: (-table[span[2]][0][1], -span[1], span[0]))
    else:
        keys = [dice.random() for _ in range(len(spans) + 1)]
        chance = {span: keys[at] + _RUNS * keys[at + 1] for at, span in enumerate(spans)}
        spans.sort(key=chance.__getitem__)
    said: dict[int, tuple[int, str]] = {}
    shown: list[Mixed] = []
    done = 0
    for start, size, gram in spans:
        if done >= wanted:
            break
        said[start] = size, _chosen(table[gram], dice, temperature)
        done += size
        if steps:
            shown.append(_built(words, said))
    result = _built(words, said)
    result.steps = shown
    return result


def grams(text: str, table: Table, longest: int) -> list[str]:
    """The words and phrases of a text that ``substitute`` can replace, in lower case."""
    return [gram for _, _, gram in _spans(cut(text), table, longest)]


def _spans(words: Sequence[Word], table: Table, longest: int) -> list[tuple[int, int, str]]:
    """(start, words, n-gram) of what can be replaced, none overlapping a longer or earlier one."""
    taken = [not word.plain for word in words]
    lower = [nfc(word.text).lower() for word in words]
    found = []
    for size in range(longest, 0, -1):
        for start in range(len(words) - size + 1):
            if any(taken[start : start + size]):
                continue
            gram = " ".join(lower[start : start + size])
            if table.get(gram):
                found.append((start, size, gram))
                taken[start : start + size] = [True] * size
    return sorted(found)


def _chosen(choices: Sequence[tuple[str, float]], dice: random.Random, temperature: float) -> str:
    """The best translation (of equal ones the shorter, then the first in code points), or one drawn."""
    if not temperature:
        return min(choices, key=lambda entry: (-entry[1], len(entry[0]), entry[0]))[0]
    most = max(score for _, score in choices)
    weights = [math.exp((score - most) / temperature) for _, score in choices]
    return dice.choices([text for text, _ in choices], weights)[0]


@lru_cache(maxsize=1 << 16)
def _parts(translation: str) -> list[Word]:
    return cut(translation)


def _built(words: Sequence[Word], said: Mapping[int, tuple[int, str]]) -> Mixed:
    """The sentence with what was said in place of its words."""
    texts: list[str] = []
    languages: list[int | None] = []
    spaced: list[bool] = []
    at = 0
    while at < len(words):
        size, new = said.get(at, (1, None))
        if new is None:
            texts.append(words[at].text)
            languages.append(FIRST if words[at].plain else None)
            spaced.append(words[at].spaced)
        else:
            parts = _parts(new)
            texts += [part.text for part in parts]
            languages += [SECOND if _WORD.match(part.text) else None for part in parts]
            spaced += [part.spaced if number else words[at].spaced for number, part in enumerate(parts)]
        at += size
    return Mixed(texts, languages, spaced)


def insert(
    first: str,
    second: str,
    links: Links,
    dice: random.Random,
    *,
    rate: float,
    skip: Callable[[str], bool] = lambda word: False,
) -> Mixed | None:
    """The ``second`` sentence with words of the ``first`` in their places: the second gives grammar and order.

    Only words with one partner that has no other are exchanged (Matrix Language Frame, Myers-Scotton, 1993, as IITP-MT
    did at CALCS 2021), and none that ``skip`` names, function words say; ``rate`` of those that can be.
    """
    ours, theirs = cut(first), cut(second)
    rows, columns = [i for i, _ in links], [j for _, j in links]
    able = [
        (i, j)
        for i, j in links
        if rows.count(i) == 1 and columns.count(j) == 1 and ours[i].plain and theirs[j].plain
        and not skip(ours[i].text.lower()) and not skip(theirs[j].text)
    ]  # fmt: skip
    if not able:
        return None
    chosen = {j: i for i, j in dice.sample(able, max(1, round(rate * len(able))))}
    texts, languages, spaced = [], [], []
    for j, word in enumerate(theirs):
        own = j in chosen
        texts.append(_inside(ours[chosen[j]].text) if own else word.text)
        languages.append((FIRST if own else SECOND) if word.plain else None)
        spaced.append(word.spaced)
    return Mixed(texts, languages, spaced)


def segments(links: Links, first: int, second: int) -> list[tuple[range, range]]:
    """The smallest parts of two aligned sentences that stand in the same order in both.

    Between two parts no link crosses, so that each may be said in either language where it stands (equivalence
    constraint, Poplack, 1980). ``first`` and ``second`` are the sentences' lengths.
    """
    found: list[tuple[range, range]] = []
    i = j = 0
    at_i = at_j = 0
    by_first: list[list[int]] = [[] for _ in range(first)]
    for a, b in links:
        by_first[a].append(b)
    by_second: list[list[int]] = [[] for _ in range(second)]
    for a, b in links:
        by_second[b].append(a)
    while i < first or j < second:
        if i < first:
            i += 1
        else:
            j += 1
        closed = False
        while not closed:  # all that stands for what is taken is taken
            most_j = max([j, *(b + 1 for a in range(at_i, i) for b in by_first[a])])
            most_i = max([i, *(a + 1 for b in range(at_j, most_j) for a in by_second[b])])
            closed = (most_i, most_j) == (i, j)
            i, j = most_i, most_j
        if j > at_j or i >= first:
            found.append((range(at_i, i), range(at_j, j)))
            at_i, at_j = i, j
    return found


def switch(
    first: str,
    second: str,
    links: Links,
    dice: random.Random,
    *,
    rate: float,
) -> Mixed | None:
    """Parts of the ``second`` sentence, with probability ``rate``, in place of those of the ``first``."""
    ours, theirs = cut(first), cut(second)
    parts = segments(links, len(ours), len(theirs))
    if len(parts) < 2:
        return None
    chosen = [dice.random() < rate and len(right) > 0 for _, right in parts]
    if not any(chosen):
        chosen[dice.choice([at for at, (_, right) in enumerate(parts) if len(right)])] = True
    if all(chosen):
        can = [at for at, (left, _) in enumerate(parts) if len(left)]
        chosen[dice.choice(can)] = False
    texts: list[str] = []
    languages: list[int | None] = []
    spaced: list[bool] = []
    for (left, right), other in zip(parts, chosen, strict=True):
        for at in right if other else left:
            word = theirs[at] if other else ours[at]
            texts.append(word.text)
            languages.append((SECOND if other else FIRST) if word.plain else None)
            spaced.append(word.spaced)
    return Mixed(texts, languages, spaced)


def _inside(word: str) -> str:
    """A word that stood first and does no longer."""
    return word if word.isupper() or word == "I" else word[:1].lower() + word[1:]


def alone(text: str) -> Mixed:
    """The whole text, in the second language."""
    words = cut(text)
    languages: list[int | None] = [SECOND if word.plain else None for word in words]
    return Mixed([word.text for word in words], languages, [word.spaced for word in words])


def rewritten(mixed: Mixed, write: Callable[[str], str]) -> Mixed:
    """A mixed sentence by ``write``, which sees all of its words at once; one by one if it loses their borders."""
    words = write(_APART.join(mixed.words)).split(_APART)
    if len(words) != len(mixed.words):
        words = [write(word) for word in mixed.words]
    words = [new or old for new, old in zip(words, mixed.words, strict=True)]  # a letter that nothing is written for
    return Mixed(words, mixed.languages, mixed.spaced, [rewritten(step, write) for step in mixed.steps])


_APART = "\x1f"

# words of grammar, which stay where the matrix language gives the frame
FUNCTION_WORDS = frozenset(
    """
    a an the and or but if then than that this these those of to in on at by for from with without about into
    over under after before as is am are was were be been being do does did have has had will would shall
    should can could may might must not no nor so such i you he she it we they me him her us them my your his
    its our their mine yours who whom whose which what when where why how there here up down out off again just
    very too also only own same का की के को से में पर है हैं था थे थी हो होता होती हुआ हुई कर करना करने किया और
    या लेकिन तो ही भी ने यह वह ये वे इस उस इन उन मैं तुम आप हम मेरा मेरी मेरे तेरा तुम्हारा आपका हमारा अपना
    अपने अपनी कि जो जब तब जहाँ वहाँ यहाँ कहाँ क्या क्यों कैसे कौन नहीं मत एक लिए साथ गया गई गए रहा रही रहे सकता
    सकते सकती चाहिए वाला वाले वाली
    """.split()  # noqa: SIM905
)
