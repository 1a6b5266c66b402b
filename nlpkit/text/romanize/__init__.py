"""Romanization: text in other scripts written with Latin letters, Hindi as people type it."""

from nlpkit.text.romanize.latin import romanize, to_latin, variants
from nlpkit.text.romanize.letters import plain, units
from nlpkit.text.romanize.typists import Spellings, shipped

__all__ = ["Spellings", "plain", "romanize", "shipped", "to_latin", "units", "variants"]
