from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from toy import write_toy

from nlpkit.config.recipe import BilstmScratch
from nlpkit.engine.crf import Crf, best_paths, legal_moves
from nlpkit.engine.recurrent import ATTRIBUTES, Bilstm, Words, attributes
from nlpkit.errors import InputError
from nlpkit.jobs.predict import Predictor
from nlpkit.jobs.prepare import load_recipe
from nlpkit.jobs.train import train

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def crf(seed: int) -> tuple[Crf, torch.Tensor]:
    torch.manual_seed(seed)
    layer = Crf(LABELS)
    torch.nn.init.normal_(layer.moves)
    return layer, torch.randn(3, 4, len(LABELS))


def brute(layer: Crf, scores: torch.Tensor, length: int) -> dict[tuple[int, ...], float]:
    """Every label sequence of one row with its score."""
    table, size = layer.table().detach(), layer.size
    found = {}
    for path in itertools.product(range(size), repeat=length):
        value = table[size, path[0]] + table[path[-1], size] + sum(scores[i, label] for i, label in enumerate(path))
        value += sum(table[a, b] for a, b in itertools.pairwise(path))
        found[path] = float(value)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_crf_equals_brute_force(seed: int) -> None:
    layer, scores = crf(seed)
    lengths = torch.tensor([4, 2, 1])
    log_z, best, chance = layer.log_z(scores, lengths), layer.best(scores, lengths), layer.marginals(scores, lengths)
    for row, length in enumerate(lengths.tolist()):
        paths = brute(layer, scores[row], length)
        total = torch.tensor(list(paths.values())).double().logsumexp(0)
        assert float(log_z[row].detach()) == pytest.approx(float(total), abs=1e-4)
        top = max(paths, key=lambda path: paths[path])
        assert best[row, :length].tolist() == list(top)
        for place in range(length):
            for label in range(len(LABELS)):
                mass = sum(torch.tensor(v - float(total)).exp() for p, v in paths.items() if p[place] == label)
                assert float(chance[row, place, label]) == pytest.approx(float(mass), abs=1e-4)
        wanted = torch.tensor([list(top) + [0] * (4 - length)])
        path_score = layer.path_score(scores[row : row + 1], wanted, lengths[row : row + 1])
        assert float(path_score.detach()) == pytest.approx(paths[top], abs=1e-4)


def test_an_i_never_follows_what_it_cannot_continue() -> None:
    allowed = legal_moves(LABELS)
    legal = {(LABELS[a], LABELS[b]) for a in range(5) for b in range(5) if allowed[a, b]}
    assert ("B-PER", "I-PER") in legal
    assert ("I-LOC", "I-LOC") in legal
    assert not {("O", "I-PER"), ("B-LOC", "I-PER"), ("I-PER", "I-LOC")} & legal
    assert not allowed[5, 2]  # not at the start
    layer, scores = crf(0)
    scores[:, :, 2] += 50  # I-PER shouts
    for row in layer.best(scores, torch.tensor([4, 4, 4])).tolist():
        assert row[0] != 2
        assert all(allowed[a, b] for a, b in itertools.pairwise(row))


def test_part_of_speech_labels_follow_freely() -> None:
    assert bool(legal_moves(["NOUN", "VERB", "INTJ"]).all())


def model() -> tuple[Bilstm, Words]:
    words = Words.learn([["Juma", "went", "home"], ["Juma", "went", "to", "Kisumu"]], least=1)
    torch.manual_seed(0)
    spec = BilstmScratch(attribute=8, char=8, char_filters=8, hidden=16, state=8, pair_buckets=16)
    net = Bilstm(spec, words, LABELS).eval()
    torch.nn.init.normal_(net.linear.table.weight)
    return net, words


def tensors(words: Words, rows: list[list[str]]) -> dict[str, torch.Tensor]:
    flat = [[number for block in row for number in block] for row in words.pieces(rows)]
    longest = max(map(len, flat))
    return {
        "input_ids": torch.tensor([row + [0] * (longest - len(row)) for row in flat]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in flat]),
    }


def test_padding_changes_nothing() -> None:
    net, words = model()
    row = ["Juma", "went", "home"]
    alone = net.tag(**tensors(words, [row]))
    padded = net.tag(**tensors(words, [row, row * 5]))
    size = 3 * Words.width
    assert torch.equal(alone[0][0, :size], padded[0][0, :size])
    assert torch.allclose(alone[1][0, :size], padded[1][0, :size], atol=1e-5)


def test_unknown_labels_are_summed_over() -> None:
    """-log p(known labels) equals the brute-force sum over what the others may be."""
    net, words = model()
    batch = tensors(words, [["Juma", "went", "home"]])
    labels = torch.full_like(batch["input_ids"], -100)
    labels[0, Words.width] = 3  # only the second word is known
    blocks, lengths = net._blocks(**batch)
    expected = 0.0
    for layer, scores in (
        (net.crf, net.emissions(blocks, lengths)),
        (net.linear_crf, net.linear(blocks[:, :, : len(ATTRIBUTES)])),
    ):
        paths = brute(layer, scores[0].detach(), 3)
        total = torch.tensor(list(paths.values())).double().logsumexp(0)
        known = torch.tensor([value for path, value in paths.items() if path[1] == 3]).double().logsumexp(0)
        expected += float(total - known)
    assert float(net(**batch, labels=labels).detach()) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_paths_are_those_of_brute_force(seed: int) -> None:
    layer, scores = crf(seed)
    lengths = torch.tensor([4, 2, 1])
    for row, found in enumerate(best_paths(scores, lengths, layer.table().detach(), 7)):
        paths = brute(layer, scores[row], int(lengths[row]))
        expected = sorted((value for value in paths.values() if value > -5000), reverse=True)[:7]
        assert [score for _, score in found] == pytest.approx(expected, abs=1e-3)
        assert all(paths[tuple(path)] == pytest.approx(score, abs=1e-3) for path, score in found)
        assert len({tuple(path) for path, _ in found}) == len(found)


def test_the_linear_reader_tells_entries_attributes_and_distances_apart() -> None:
    """One word changed changes the scores of words at most two away, and no two features share a weight but by hash."""
    net, words = model()
    rows = [["Juma", "went", "to", "Kisumu", "home", "went"], ["Juma", "went", "to", "home", "home", "went"]]
    blocks = torch.tensor(words.pieces(rows))[:, :, : len(ATTRIBUTES)]
    first, second = net.linear(blocks)
    same = (first == second).all(1).tolist()
    assert same == [True, False, False, False, False, False]
    alone = net.linear(blocks[:1, :3])[0]
    assert torch.equal(alone[0], first[0])  # what stands three words away does not matter


def test_both_readers_answer_together() -> None:
    net, words = model()
    net.requires_grad_(False)
    batch = tensors(words, [["Juma", "went", "home"]])
    scores, lengths, both = net._read(**batch)
    blocks, _ = net._blocks(**batch)
    mean = (net.emissions(blocks, lengths) + net.linear(blocks[:, :, : len(ATTRIBUTES)])) / 2
    assert torch.allclose(scores, mean)
    assert torch.allclose(both.moves, (net.crf.moves + net.linear_crf.moves) / 2)
    (found,) = net.nbest(**batch, count=3)
    assert found[0][0] == net.tag(**batch)[0][0, :: Words.width].tolist()
    assert found[0][1] >= found[1][1] >= found[2][1] > 0


def test_attributes_see_through_case_diacritics_and_form() -> None:
    composed = Words.learn([["Ọlọ́run"] * 2]).pieces([["Ọlọ́run"]])
    assert composed[0][0][2] > 1
    assert attributes("Ọlọ́run")[2] == "olorun"
    assert attributes("Dodoma2")[-1] == "Xxd"


def test_a_very_long_word_is_one_block() -> None:
    _, words = model()
    assert {len(block) for block in words.pieces([["a", "b" * 500, "", "😢"]])[0]} == {Words.width}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bilstm")
    write_toy(folder / "train.conll", 100)
    write_toy(folder / "dev.conll", 16)
    files = [f"data.train={folder / 'train.conll'}", f"data.dev={folder / 'dev.conll'}"]
    size = ["model.scratch.attribute=8", "model.scratch.hidden=32", "model.scratch.state=16", "stages.0.epochs=12"]
    recipe = load_recipe(
        "ner", ["model.scratch.arch=bilstm", *files, *size, "model.max_length=16", "stages.0.batch_tokens=100"]
    )
    return train(recipe, folder / "run")


def test_the_toy_is_learned_and_the_bundle_tags_it(learned: Path) -> None:
    assert json.loads((learned.parent / "metrics.json").read_text())["dev"]["f1"] > 0.95
    from nlpkit.data.rows import TokenRow

    words = ["Juma", "went", "home", "to", "Kisumu", "3", "."]
    (row,) = Predictor(str(learned))([TokenRow("1", tuple(words * 10))])  # 70 words, windows of 16
    names = [tag for word, tag in zip(row.tokens, row.tags or (), strict=True) if word == "Kisumu"]
    assert names == ["B-LOC"] * 10
    assert all(0 <= score <= 1.001 for score in row.scores or ())
    assert not any(path.suffix in (".bin", ".pt", ".pkl") for path in learned.iterdir())


@pytest.mark.parametrize("name", ["features.json", "config.json", "model.safetensors", "bundle.json"])
def test_a_damaged_bundle_is_one_clear_error(learned: Path, tmp_path: Path, name: str) -> None:
    import shutil

    shutil.copytree(learned, tmp_path / "m")
    (tmp_path / "m" / name).write_bytes((learned / name).read_bytes()[:40])
    with pytest.raises(InputError, match="damaged"):
        Predictor(str(tmp_path / "m"))
