"""`tfgen evaluate` and `compare`: sets of samples, features, and the table of all entries."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image
from test_cli import run

from tfgen import zoo


def test_evaluate_tells_mean_and_spread_of_several_sampling_seeds(capsys):
    words = ["evaluate", "gan_digits", "--sampling_seeds=2", "--format=json"]
    code, out, _ = run(capsys, *words)
    card = zoo.find("gan_digits").info["metrics"]
    figures = json.loads(out)
    assert code == 0 and set(figures) == set(card)
    for name, figure in figures.items():
        assert figure["sampling_seeds"] == 2
        assert (figure["dataset"], figure["levels"]) == ("digits", 17)
        assert figure["spread"] > 0 or "distance" not in name  # shares may agree by chance
        # The card's are these two sets and a third.
        assert card[name]["sampling_seeds"] == 3
        assert abs(figure["value"] - card[name]["value"]) < card[name]["spread"] + 1e-4
    more = run(capsys, *words, "--samples=400", "--seed=5")[1]
    for figure in json.loads(more).values():
        assert (figure["n"], figure["seed"]) == (400, 5)
        assert figure["protocol"].startswith("400 samples against the 300 images of split test")
        assert figure["floor_spread"] > 0  # 1,297 training images make several sets of 400
    far = run(capsys, *words, "--seed=2147483647")
    assert far[0] == 2 and "reach beyond the largest seed" in far[2]
    code, _, err = run(capsys, "evaluate", "gan_digits", "--sampling_seeds=0")
    assert code == 2 and "--sampling_seeds needs a positive integer, but got '0'" in err


def test_evaluate_takes_importance_samples_of_a_vae_alone(capsys, monkeypatch):
    asked = []
    monkeypatch.setattr("tfgen.metrics.evaluate", lambda *_, **options: asked.append(options) or {})
    for words in (["--importance_samples=7"], []):
        assert run(capsys, "evaluate", "vae_digits", *words)[0] == 0
    assert [options["importance_samples"] for options in asked] == [7, 500]
    code, _, err = run(capsys, "evaluate", "vae_digits", "--importance_samples=0")
    assert code == 2 and "--importance_samples needs a positive integer, but got '0'" in err
    code, _, err = run(capsys, "evaluate", "gan_digits", "--importance_samples=7")
    assert code == 2 and "'gan_digits' has no importance-weighted bound; leave out" in err


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ("classifier", "the classifier of digits takes uint8 images of 28x28x1, but"),
        ("pixel", "flag --features needs pixels or classifier or inception, but got 'pixel'"),
    ],
)
def test_features_that_cannot_be_are_told_in_one_sentence(features, sentence, capsys):
    code, _, err = run(capsys, "evaluate", "gan_digits", f"--features={features}")
    assert code == 2 and sentence in err and err.count("\n") == 1


def test_compare_prints_and_writes_a_table_or_json(capsys, tmp_path):
    code, out, _ = run(capsys, "compare", "digits", "--out", tmp_path / "digits.md")
    names = [entry.name for entry in zoo.entries() if entry.info["dataset"] == "digits"]
    assert code == 0 and (tmp_path / "digits.md").read_text() == out
    assert all(f"| `{name}` |" in out for name in names) and "*real images*" in out
    assert "Fréchet distance, raw pixels" in out and "bits/dim" not in out
    rows = json.loads(run(capsys, "compare", "digits", "--format=json")[1])
    assert [row["entry"] for row in rows] == names
    assert all(row["metrics"] == zoo.find(row["entry"]).info["metrics"] for row in rows)
    code, _, err = run(capsys, "compare", "digits", "--out", tmp_path / "digits.md")
    assert code == 2 and "digits.md exists; choose another --out" in err
    code, _, err = run(capsys, "compare", "digit")
    assert code == 2 and "dataset 'digit' not found; did you mean 'digits'?" in err


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["compare", "digits", "--out=a"], "a"),
        (["push", "vae_digits", "hf://me/vae", "--out=a"], "a/README.md"),
    ],
)
def test_files_are_of_utf8_whatever_the_locale(words, file, tmp_path):
    if words[0] == "push":
        pytest.importorskip("huggingface_hub")
    script = "import sys; from tfgen import cli; sys.exit(cli.main(sys.argv[1:]))"
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=tmp_path,
        env={**os.environ, **locale, "PYTHONIOENCODING": "utf-8"},
        check=True,
    )
    assert "Fréchet distance" in (tmp_path / file).read_text(encoding="utf-8")


def test_compare_takes_entries_from_anywhere(capsys, tmp_path):
    folder = shutil.copytree(zoo.find("vae_digits").path, tmp_path / "vae_digits")
    out = run(capsys, "compare", "digits", "--entries", folder)[1]
    assert f"| `{folder}` | VAE |" in out and "| `vae_digits` | VAE |" in out
    code, _, err = run(capsys, "compare", "mnist", "--entries", f"{folder}")
    assert code == 2 and err == f"tfgen: entry {folder} was not trained on 'mnist'.\n"


def test_compare_has_each_entry_once(capsys, tmp_path, monkeypatch):
    shutil.copytree(zoo.find("vae_digits").path, tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    again = f"gan_digits,./mine,{tmp_path / 'mine'},./mine"
    rows = json.loads(run(capsys, "compare", "digits", "--entries", again, "--format=json")[1])
    names = [entry.name for entry in zoo.entries() if entry.info["dataset"] == "digits"]
    assert [row["entry"] for row in rows] == [*names, "./mine"]
    code, _, err = run(capsys, "compare", "digits", "--entries=gan_mnist")
    assert code == 2 and err == "tfgen: entry gan_mnist was not trained on 'digits'.\n"


def test_evaluate_refuses_images_that_the_model_does_not_take(capsys, tmp_path):
    for k in range(3):
        Image.new("L", (6, 5)).save(tmp_path / f"{k}.png")
    code, _, err = run(capsys, "evaluate", "vae_digits", "--dataset", tmp_path)
    assert code == 2 and "the model takes images of shape [8, 8, 1], but those of" in err
    code, _, err = run(capsys, "evaluate", "gan_digits", "--samples=40")
    assert code == 2 and err.endswith("needs more images than that; take more samples.\n")


def test_evaluate_compares_samples_in_black_and_white(capsys):
    words = ["evaluate", "vae_digits", "--binarised", "--format=json", "--sampling_seeds=1"]
    figures = json.loads(run(capsys, *words)[1])
    # Its likelihood is of 17 levels.
    assert len(figures) == 6 and all(name.endswith(", raw pixels") for name in figures)
    for figure in figures.values():
        assert "grey pixels drawn black or white" in figure["protocol"]


def test_points_are_not_compared_in_black_and_white(capsys):
    words = ["evaluate", "gan_digits", "--dataset=ring_of_gaussians", "--binarised"]
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "") and err == (
        "tfgen: 'ring_of_gaussians' holds points, which are nothing in black and white; "
        "leave out --binarised.\n"
    )
