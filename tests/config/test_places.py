"""Where recipes, cards and data are looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nlpkit.config import places


def test_recipes_cards_and_samples_are_there() -> None:
    assert (places.recipes() / "ner" / "default.yaml").is_file()
    assert (places.cards() / "samples_ner.md").is_file()
    assert (places.samples() / "train.conllu").is_file()


def test_an_installed_nlpkit_uses_the_copies_in_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "site" / "nlpkit"
    (package / "assets" / "recipes").mkdir(parents=True)
    monkeypatch.setattr(places, "PACKAGE", package)
    assert places.recipes() == package / "assets" / "recipes"
    assert places.cards() == tmp_path / "site" / "data_cards"  # not in this wheel: next to the package


def test_the_cache_is_nlpkit_cache_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NLPKIT_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert places.data_cache() == tmp_path / "mine" / "data"
    monkeypatch.delenv("NLPKIT_CACHE")
    assert places.data_cache() == tmp_path / "xdg" / "nlpkit" / "data"


@pytest.mark.parametrize("empty", [True, False])
def test_without_variables_the_cache_is_in_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("NLPKIT_CACHE", "XDG_CACHE_HOME"):
        if empty:
            monkeypatch.setenv(name, "")
        else:
            monkeypatch.delenv(name, raising=False)
    assert places.data_cache() == tmp_path / ".cache" / "nlpkit" / "data"


def test_data_is_looked_for_in_the_order_option_variable_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NLPKIT_DATA_DIR", os.pathsep.join(["/one", "", "/two"]))
    monkeypatch.setenv("NLPKIT_CACHE", str(tmp_path))
    assert places.data_dirs(Path("given")) == [Path("given"), Path("/one"), Path("/two"), tmp_path / "data"]


def test_without_an_option_or_variable_only_the_cache_is_searched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NLPKIT_DATA_DIR", raising=False)
    monkeypatch.setenv("NLPKIT_CACHE", str(tmp_path))
    assert places.data_dirs() == [tmp_path / "data"]
