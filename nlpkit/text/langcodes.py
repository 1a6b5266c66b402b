"""Language codes: ``xxx_Xxxx`` inside (ISO 639-3 and ISO 15924), other spellings accepted where unambiguous."""

from __future__ import annotations

import re

from nlpkit.errors import InputError

# code -> (ISO 639-1 or the empty string, English name); languages of the shipped recipes and cards
KNOWN: dict[str, tuple[str, str]] = {
    "arb_Arab": ("ar", "Modern Standard Arabic"),
    "eng_Latn": ("en", "English"),
    "fin_Latn": ("fi", "Finnish"),
    "fra_Latn": ("fr", "French"),
    "hau_Latn": ("ha", "Hausa"),
    "hin_Deva": ("hi", "Hindi"),
    "hin_Latn": ("", "Hindi (romanized)"),
    "ibo_Latn": ("ig", "Igbo"),
    "pcm_Latn": ("", "Nigerian Pidgin"),
    "spa_Latn": ("es", "Spanish"),
    "swh_Latn": ("sw", "Swahili"),
    "tur_Latn": ("tr", "Turkish"),
    "vie_Latn": ("vi", "Vietnamese"),
    "wol_Latn": ("wo", "Wolof"),
    "yor_Latn": ("yo", "Yoruba"),
    "zho_Hans": ("zh", "Chinese (simplified)"),
    "zho_Hant": ("zh", "Chinese (traditional)"),
}
_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}\Z")
# ISO 639-3 macrolanguage codes people type for the individual language
_MACRO = {"swa": "swh", "ara": "arb"}


def parse(text: str) -> str:
    """The ``xxx_Xxxx`` code for a code or an English name. An unknown or ambiguous one raises InputError."""
    if _CODE.match(text):
        return text
    wanted = text.strip().lower().replace("-", "_")
    wanted = _MACRO.get(wanted, wanted)
    found = [
        code
        for code, (short, name) in KNOWN.items()
        if wanted in (short or code.lower(), code.lower(), name.lower(), code[:3])
    ]
    exact = [code for code in found if KNOWN[code][0] == wanted and wanted]
    if len(exact) == 1:
        return exact[0]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"`{text}` may be " + " or ".join(f"`{code}`" for code in found), "name one of them")
    raise InputError(f"`{text}` is no language code", "write ISO 639-3 and the script, for example swh_Latn")


def bcp47(code: str) -> str:
    """``swh_Latn`` -> ``sw``; ``hin_Latn`` -> ``hi-Latn``: the tag for a model card."""
    if code in KNOWN and KNOWN[code][0]:
        return KNOWN[code][0]
    language, _, script = code.partition("_")
    short = next((s for c, (s, _) in KNOWN.items() if c.startswith(language) and s), language)
    return f"{short}-{script}" if short != language and script else language
