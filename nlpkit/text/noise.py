"""Text that is in no language: digits, emoji, links, program code."""

from __future__ import annotations

import re

import regex

from nlpkit.text.units import clean

_CODE = [
    regex.compile(pattern)
    for pattern in (
        r"[;{]\s*$|^\s*[})\]]+[;,]?\s*$",  # a line that ends in ; or {, or holds closing signs only
        r"\b[\w.]+\((?=[^\s)]|\)|$)",  # f(x), f()
        r"(?<=[\w)\]])\s*(?:===?|!==?|<=|>=|=>|->|::|&&|\|\||\+\+[;)]|--[;)]|[-+*/|&]=)",
        r"^\s*[a-z_][\w.\[\]'\"]* = |\w=[\"'\w]",
        r"</?[a-zA-Z][\w:-]*(?:\s+[\w:-]+=|\s*/?>)|<[?!]\w*|/>",  # markup
        r"\$\{?\w+|%\(?\w*\)?[sd]\b|\{\{?\w*\}?\}|\\[nrtx]|&\w+;",
        r"^\s*(?:import [\w.*]+(?: as \w+|(?:, ?[\w.]+)+)?;?|import \{.*|#!.*|package [\w.]+;?|using [\w.]+;?)\s*$",
        r"^\s*(?:(?:public|private|protected|static|final|async|export|abstract) )+\w+",
        r"^\s*(?:def|func|fn|function|class|struct|enum|interface|impl|namespace|module) [\w.]+\s*[(:{<]",
        r"^\s*(?:var|let|const|int|float|double|char|bool|void|string|auto) \w+\s*(?:[=;(]|$)",
        r"^\s*(?:return|raise|throw|yield|assert|del|await|print|echo)\b.*"
        r"(?:[()\[\]=<>]|\w [-+*/] \w|\b(?:None|True|False|self|null)\b)",
        r"(?i)^\s*(?:select\b.+\bfrom|insert into|update \w+ set|delete from|create table|drop table|alter table)\b",
        r"^\s*(?:\$|>>>|#) \w+|\s(?:--[a-zA-Z][\w-]*|-[a-zA-Z])(?:=|\s|$)",  # a shell
        r"\b(?:self|this|sys|os|np|pd|console|document|window|std)\.\w+",
    )
]
_SURE = regex.compile(  # nobody writes these in prose
    r"^\s*(?:for \w+(?:, ?\w+)* in [\w.\[\]()'\"]+:|while (?:True|[\w.]+ [<>=!]+ [\w.]+):|try:|finally:|else:"
    r"|(?:if|elif|while) (?:not )?\w*[_.(\[=<>]\S*(?: .*)?[:{]"
    r"|(?:if|elif|while) \w+ (?:is (?:not )?None|not in \w+|in \w+|[<>=!]+ \S+).*:"
    r"|except \w*Error\b.*:|from [a-z_.][\w.]* import [\w*(]+(?: as \w+)?(?:, ?\w+)*\\?"
    r"|#\s*(?:include|define|undef|if|ifdef|ifndef|endif|else|pragma)\b.*)\s*$"
    r"|^\s{2,}(?:pass|break|continue|raise|else|default:|(?:case|if|elif|while|for|with|except)\b.*:"
    r"|(?:return|raise|throw|yield)\b ?[\w.'\"]*)\s*$"
    r"|^(?:return|raise|throw|yield) \w*[_.(\[\"'][^ ]*$"
)
_NAME = regex.compile(
    r"\b(?:\p{L}+_\w+|_+\p{L}\w*|[a-z]+(?:[A-Z][a-z0-9]*)+|\p{L}+\d+\w*|\p{L}[\w]*(?:\.\p{L}[\w]*){1,}"
    r"|[A-Z]+(?:_[A-Z0-9]+)+)\b"
)
_SIGN = re.compile(r"[;{}\[\]=<>_|\\*+$#]|\w\(|\(\)|\w\.\w|&[&\w]|%[^\s.,;)]|//|/>| --?[a-z]")
_STARTS = {
    "import", "from", "return", "raise", "throw", "yield", "case", "class", "def", "var", "let", "const", "int",
    "select", "update", "insert", "delete", "SELECT", "UPDATE", "INSERT", "DELETE",
}  # fmt: skip
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}'’-]*")


def without_language(text: str, *, cleaned: bool = False) -> bool:
    """Whether a text has no letters once links, addresses and names of accounts are gone, or is program code."""
    rest = text if cleaned else clean(text)
    return not any(map(str.isalpha, rest)) or is_code(rest)


def _may_be_code(text: str) -> bool:
    """What all code has: a quick look that ends here for most prose."""
    if _SIGN.search(text):
        return True
    first = (text.split(None, 1) or [""])[0]
    return first in _STARTS or text[:2].isspace() or text.rstrip().endswith(":")


def is_code(text: str) -> bool:
    """Whether a line looks like program code or markup rather than prose. A comment in a language is prose.

    The first thousand characters tell.
    """
    text = text[:1000]
    if not _may_be_code(text):
        return False
    if _SURE.search(text):
        return True
    signs = sum(1 for pattern in _CODE if pattern.search(text))
    signs += signs > 0 and text[:4].isspace()  # indented, too
    names = sum(len(match.group()) for match in _NAME.finditer(text))
    letters = sum(map(str.isalpha, text))
    words = [word for word in _WORD.findall(_NAME.sub(" ", text)) if len(word) > 1]
    if signs >= 2:
        return len(words) < 10 * signs
    return (signs == 1 and (len(words) <= 4 or names * 3 > letters)) or (names * 2 > letters and len(words) <= 3)
