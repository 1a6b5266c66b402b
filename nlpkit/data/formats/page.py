"""The beginning and the end of a page: one file that asks for nothing, no script, no font, no picture."""

from __future__ import annotations

_HEAD = """<!doctype html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body { font: 1.05rem/2.2 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem;
  color: #000; background: #fff; overflow-wrap: anywhere; }
p { margin: 0 0 .8rem; padding-bottom: .6rem; border-bottom: 1px solid #ddd; text-align: start; unicode-bidi: isolate; }
mark { color: #000; padding: .2em .35em; border-radius: .35em; -webkit-box-decoration-break: clone;
  box-decoration-break: clone; }
mark b { font-size: .62em; margin-inline-start: .5em; vertical-align: middle; unicode-bidi: isolate; }
ruby { margin-inline-end: .55em; }
rt { font-size: .6em; padding: 0 .25em; border-radius: .25em; color: #000; unicode-bidi: isolate; }
ol, ul { font-size: .85em; line-height: 1.5; margin: 0 0 .8rem; }
.small { font-size: .75em; color: #444; }
@media print { p { break-inside: avoid; } mark, rt { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
{style}</style>
</head>
<body>
"""


def head(title: str = "nlpkit", style: str = "") -> str:
    """The beginning; ``title`` is escaped already, ``style`` adds rules."""
    return _HEAD.replace("{title}", title).replace("{style}", style.lstrip("\n"))


HEAD = head()
FOOT = "</body>\n</html>\n"
