"""What the README says is so: its snippets run, its table is the entries', its files exist."""

import pathlib
import re

import pytest

from tfgen import recipes, zoo
from tfgen.export import card

README = pathlib.Path(__file__).parents[1] / "README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippets_run_as_written(snippet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(snippet, "README.md", "exec"), names)
    assert "model" in names


def test_the_table_is_written_from_the_entries(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text(README.read_text())
    card.update_readme(copy, zoo.entries())
    assert copy.read_text() == README.read_text(), "run: python -m tfgen.export.card"


def test_cards_are_written_from_entry_json():
    for entry in zoo.entries():
        written = (entry.path / "README.md").read_text()
        assert written == card.card(entry.info), "run: python -m tfgen.export.card"


def test_a_card_tells_which_number_stands_for_which_class():
    info = zoo.find("r3gan_conditional_mnist").info
    assert "\nIts classes: 0..9.\n" in card.card(info)
    info = {**info, "num_classes": 2, "class_names": ["cat", "dog"]}
    assert "\nIts classes: 0 cat, 1 dog.\n" in card.card(info)
    assert "classes" not in card.card(zoo.find("vae_digits").info)


def test_a_card_says_after_which_steps_the_samples_over_the_training_were_taken():
    info = zoo.find("r3gan_cifar10_jpeg").info
    steps = "2,000, 4,000, 8,000, 10,000, 14,000, 16,000, 20,000, 22,000"
    assert f"\nSamples over the training, after {steps} steps:\n" in card.card(info)
    training = {key: info["training"][key] for key in info["training"] if key != "pictured_steps"}
    assert "\nSamples over the training:\n" in card.card({**info, "training": training})


def test_cards_state_the_published_figures_of_their_recipes():
    for entry in zoo.entries():
        if entry.name in recipes.names():
            published = recipes.get(entry.name).published
            assert entry.info.get("published", "") == published, entry.name


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)]+)\)", README.read_text()):
        assert (README.parent / link).exists(), link
