from __future__ import annotations

import io

import pytest

from nlpkit.data.formats.tokens import html
from nlpkit.data.rows import TokenRow

NASTY = '"><img src=x onerror=alert(1)>'


def page(rows: list[TokenRow], spans: bool) -> str:
    file = io.StringIO()
    html.write(rows, file, spans=spans)
    return file.getvalue()


@pytest.mark.parametrize("spans", [True, False])
def test_nothing_of_a_row_becomes_markup(spans: bool) -> None:
    tags = (f"B-{NASTY}", "O") if spans else (NASTY, "X")
    found = page([TokenRow(NASTY, (NASTY, "<b>"), tags, lang=NASTY, scores=(0.5, 0.5))], spans)
    assert "<img" not in found
    assert "<b>&" not in found.replace("<b>&quot;", "")
    assert found.count("&lt;img src=x onerror=alert(1)&gt;") >= 2
    assert "default-src 'none'" in found
    assert "http://" not in found
    assert "https://" not in found


def test_every_row_is_a_paragraph_with_its_text_whole() -> None:
    rows = [
        TokenRow("1", ("Juma", "went"), ("B-PER", "O"), "swh_Latn", text="Juma  went", offsets=[(0, 4), (6, 10)]),
        TokenRow("2", (), ()),
        TokenRow("3", ("محمد",), None),
    ]
    lines = [line for line in page(rows, True).splitlines() if line.startswith("<p")]
    assert len(lines) == 3
    assert lines[0].startswith('<p dir="auto" lang="swh-Latn">')
    assert lines[0].endswith(">Juma<b>PER</b></mark>  went</p>")
    assert "&nbsp;" in lines[1]
    assert "محمد" in lines[2]


def test_tags_stand_above_words() -> None:
    found = page([TokenRow("1", ("Juma", "went"), ("PROPN", "VERB"), scores=(0.99, 0.5))], False)
    assert '<ruby title="0.99">Juma<rt style="background:#' in found
    assert ">VERB</rt></ruby>" in found
