"""Language codes: ``xxx_Xxxx`` inside (ISO 639-3 and ISO 15924), other spellings accepted where unambiguous.

``languages.tsv`` holds what nlpkit knows of a language: its ISO 639-1 code, English name, area and family (the last two
from Glottolog, CC BY 4.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nlpkit.errors import InputError


@dataclass(frozen=True, slots=True)
class Language:
    """A language in one script. ``short`` is its ISO 639-1 code or the empty string."""

    code: str
    short: str
    name: str
    area: str
    family: str


_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}\Z")
UNKNOWN, NO_LANGUAGE = "und", "zxx"  # ISO 639-2: cannot tell; no linguistic content
UNIVERSAL = "univ"  # the label of a sign, number or name in text that is labeled word by word
# ISO 639-3: a macrolanguage and the languages in it; the first is meant where people type the macrolanguage
_MACRO = """
aka: twi fat
ara: arb aao abh abv acm acq acw acx acy adf aeb aec afb ajp apc apd arq ars ary arz auz avl ayh ayl ayn ayp bbz pga
  shu ssh
aym: ayr ayc
aze: azj azb
bik: bcl bhk bln bto cts fbl lbl rbl ubl
bua: bxr bxm bxu
chm: mhr mrj
cre: crk crj crl crm csw cwd
din: dik dib dip diw dks
est: ekk vro
fas: pes prs
ful: fuv ffm fub fuc fue fuf fuh fui fuq
grn: gug gnw gui gun nhd
hbs: bos cnr hrv srp
hmn: mww blu cqd hea hma hmc hmd hme hmg hmh hmi hmj hml hmm hmp hmq hms hmw hmy hmz hnj hrm huj mmr muq sfm
iku: ike ikt
ipk: esi esk
jrb: yud ajt aju jye yhd
kau: knc kby krt
kok: gom knn
kom: kpv koi
kon: kng kwy ldi
kur: kmr ckb sdh
lah: pnb hnd hno jat phr pmu skr xhe
lav: lvs ltg
man: mnk emk mku mlq msc mwk myq
mlg: plt bhr bjq bmm bzc msh skg tdx tkg txy xmv xmw
mon: khk mvf
msa: zsm bjn btj bve bvu coa dup hji ind jak jax kvb kvr kxd lce lcf liw max meo mfa mfb min mly mqg msi mui orn ors
  pel pse tmw urk vkk vkt xmm zlm zmi
nep: npi dty
nor: nob nno
oji: ojb ciw ojc ojg ojs ojw otw
ori: ory spv
orm: gaz gax hae orc
pus: pbt pbu pst
que: quy cqu qub qud quf qug quh quk qul qup qur qus quw qux quz qva qvc qve qvh qvi qvj qvl qvm qvn qvo qvp qvs qvw
  qvz qwa qwc qwh qws qxa qxc qxh qxl qxn qxo qxp qxr qxt qxu qxw
sqi: als aae aat aln
swa: swh swc
syr: aii cld
tmh: taq thv thz ttq
uzb: uzn uzs
yid: ydd yih
zha: zyb ccx ccy zch zeh zgb zgm zgn zhd zhn zlj zln zlq zqe zyg zyj zyn zzj
zho: cmn cdo cjy cnp cpx csp czh czo gan hak hnm hsn luh lzh mnp nan sjc wuu yue
"""
# macrolanguages whose name no single language may stand for
_NO_DEFAULT = {"hbs"}


@cache
def known() -> dict[str, Language]:
    """Every language of ``languages.tsv`` by its code."""
    lines = Path(__file__).with_name("languages.tsv").read_text(encoding="utf-8").splitlines()[1:]
    found = (Language(*line.split("\t")) for line in lines)
    return {language.code: language for language in found}


@cache
def macrolanguages() -> dict[str, tuple[str, ...]]:
    """ISO 639-3 code of a macrolanguage -> those of its languages, the most usual one first."""
    found: dict[str, tuple[str, ...]] = {}
    for part in re.split(r"\n(?=\S)", _MACRO.strip()):
        name, _, members = part.partition(":")
        found[name] = tuple(members.split())
    return found


@cache
def _macro_of() -> dict[str, str]:
    return {member: name for name, members in macrolanguages().items() for member in members}


def macro(code: str) -> str:
    """The code with the macrolanguage for the language: ``swh_Latn`` -> ``swa_Latn``; itself where there is none."""
    language, _, script = code.partition("_")
    found = _macro_of().get(language, language)
    return f"{found}_{script}" if script else found


def name_of(code: str) -> str:
    """The English name of a code, or the empty string."""
    if code in known():
        return known()[code].name
    same = (language.name for language in known().values() if code == language.short or language.code[:3] == code[:3])
    return next(same, "")


@cache
def _by_spelling() -> dict[str, list[str]]:
    """What people type, in lower case -> the codes it may mean."""
    found: dict[str, list[str]] = {}
    for code, language in known().items():
        for spelling in {language.short or code.lower(), code.lower(), language.name.lower(), code[:3]}:
            found.setdefault(spelling, []).append(code)
    return found


def parse(text: str) -> str:
    """The ``xxx_Xxxx`` code for a code or an English name. An unknown or ambiguous one raises InputError."""
    if _CODE.match(text):
        return text
    wanted = text.strip().lower().replace("-", "_")
    if wanted in macrolanguages() and wanted not in _NO_DEFAULT:
        wanted = macrolanguages()[wanted][0]
    found = _by_spelling().get(wanted, [])
    exact = [code for code in found if known()[code].short == wanted]
    if len(exact) == 1:
        return exact[0]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"`{text}` may be " + " or ".join(f"`{code}`" for code in found), "name one of them")
    raise InputError(f"`{text}` is no language code", "write ISO 639-3 and the script, for example swh_Latn")


def code_of(text: str) -> str:
    """The ``xxx_Xxxx`` code for what may be a code, a region aside (``en-US``); the empty string where it is none."""
    for wanted in (text, text.partition("-")[0].partition("_")[0]):
        try:
            found = parse(wanted)
        except InputError:
            continue
        return found if found in known() else ""
    return ""


def select(names: Iterable[str], codes: Iterable[str]) -> list[str]:
    """The ``codes`` that ``names`` mean: codes, languages in any script, macrolanguages, areas (africa) and families.

    Raises InputError for a name that means none of them.
    """
    have = list(codes)
    found: list[str] = []
    for name in names:
        wanted = name.strip().lower().replace("-", "_")
        if not wanted:
            raise InputError("an empty name among the languages", "for example: swh,eng or africa")
        members = macrolanguages().get(wanted, ())
        spelled = set(_by_spelling().get(wanted, ()))
        some = [
            code
            for code in have
            if code.lower() == wanted
            or code in spelled
            or code[:3] in (wanted, *members)
            or (code in known() and wanted in (_plain(known()[code].area), _plain(known()[code].family)))
        ]
        if not some:
            raise InputError(f"`{name}` means no language of this model", "see `nlpkit langid --languages`")
        found += some
    return list(dict.fromkeys(found))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def bcp47(code: str) -> str:
    """``swh_Latn`` -> ``sw``; ``hin_Latn`` -> ``hi-Latn``: the tag for a model card."""
    if code in known() and known()[code].short:
        return known()[code].short
    language, _, script = code.partition("_")
    short = next((k.short for k in known().values() if k.code.startswith(language) and k.short), language)
    return f"{short}-{script}" if short != language and script else language
