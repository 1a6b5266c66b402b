"""How often the identifier names a language where there is none, or one that it never learned.

    python benchmarks/langid_noise.py [--model FOLDER] [--data-dir DIR]

2,000 lines of digits, emoji, links, program code (of Python's standard library and in a few other languages) and random
letters, 400 each, with a fixed seed; and the rows of FLORES-200 dev whose label the model does not have.
"""

from __future__ import annotations

import argparse
import random
import string
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from nlpkit.config import places
from nlpkit.config.recipe import Source
from nlpkit.data.load import rows
from nlpkit.jobs.langid import Identifier

_OTHER = """
for (int i = 0; i < n; i++) {|int main(int argc, char **argv)|#include <stdio.h>|std::vector<int> v(10, 0);
} else {|const x = items.map(item => item.id);|console.log(`value: ${value}`);
function add(a, b) { return a + b; }|let count = 0;|SELECT name, id FROM users WHERE age > 18;
INSERT INTO logs VALUES (1, 'a');|<div class="main"><p>{{ text }}</p></div>|<a href="/home">
public static void main(String[] args) {|System.out.println("done");|import java.util.List;
fn main() { println!("{}", x); }|match value { Some(x) => x, None => 0 }|def total(xs): return sum(xs)
if err != nil { return err }|package main|func (s *Server) Run() error {|ls -la /tmp && rm -rf build
export PATH=$PATH:/usr/bin|grep -rn "x" src/ && wc -l|git checkout -b feature|body { margin: 0; padding: 1px }
.nav > li:hover { color: #fff; }|$("#id").on("click", f);
"""


def numbers(random: random.Random) -> str:
    return random.choice(["{}", "{}.{}", "+{} {}", "{}-{}-{}", "{}%", "${},{}", "{}:{}", "({})"]).format(
        *(random.randint(0, 10 ** random.randint(1, 6)) for _ in range(3))
    )


def emoji(random: random.Random) -> str:
    signs = "😀😂😍🙏🔥💯👍🏽❤️✨🎉🇰🇪🤔😭👏🙌"
    return "".join(random.choice(signs) for _ in range(random.randint(1, 8)))


def links(random: random.Random) -> str:
    name = "".join(random.choices(string.ascii_lowercase, k=random.randint(3, 10)))
    return random.choice(
        [f"https://www.{name}.com/a/{name}?id={random.randint(1, 999)}", f"http://{name}.org", f"www.{name}.net/x.html",
         f"{name}@{name}.co.ke", f"@{name} #{name}", f"https://t.co/{name} https://{name}.io"]
    )  # fmt: skip


def letters(random: random.Random) -> str:
    """Words of random letters, or hands that fell on the keyboard."""
    keys = random.choice([string.ascii_lowercase, "asdfghjkl", "qwertyuiop", string.ascii_letters])
    words = ("".join(random.choices(keys, k=random.randint(2, 12))) for _ in range(random.randint(1, 8)))
    return " ".join(words)


def code(random: random.Random) -> Iterator[str]:
    lines = [part for line in _OTHER.strip().split("\n") for part in line.split("|")]
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    for path in random.sample(files, 40):
        text = path.read_text(encoding="utf-8", errors="ignore")
        inside = False  # docstrings and comments are prose
        for line in text.split("\n"):
            quotes = line.count('"""') + line.count("'''")
            if not inside and not quotes and "#" not in line and len(line.strip()) > 3:
                lines.append(line)
            inside ^= quotes % 2 == 1
    random.shuffle(lines)
    yield from lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(places.model("langid")))
    parser.add_argument("--data-dir", type=Path, default=None)
    args = parser.parse_args()
    identifier = Identifier(args.model)
    dice = random.Random(1)
    lines = code(dice)
    total = 0
    for name, make in {
        "digits": lambda: numbers(dice), "emoji": lambda: emoji(dice), "links": lambda: links(dice),
        "code": lambda: next(lines), "letters": lambda: letters(dice),
    }.items():  # fmt: skip
        texts = [make() for _ in range(400)]
        wrong = [
            (text, a.label) for text, a in zip(texts, identifier(texts), strict=True) if a.label not in ("und", "zxx")
        ]
        total += len(wrong)
        print(f"{name}: {len(wrong)} of 400 got a language: {wrong[:6]}")
    print(f"together {total} of 2000, {total / 20:.2f} %")
    if args.data_dir is not None:
        source = Source.model_validate({"card": "langid", "split": "dev_flores"})
        texts = [
            r.text for r in rows(source, args.data_dir, kind="texts").rows if r.label not in set(identifier.labels)
        ]
        unknown = sum(answer.label == "und" for answer in identifier(texts))
        print(f"languages never learned: und for {unknown} of {len(texts)}, {100 * unknown / len(texts):.1f} %")


if __name__ == "__main__":
    main()
