"""The figures of `tfgen evaluate`: several sets of samples, and features that suit the images."""

import json

import pytest
from test_cli import run

from tfgen import zoo


def test_evaluate_tells_mean_and_spread_of_several_sampling_seeds(capsys):
    words = ["evaluate", "gan_digits", "--sampling_seeds=2", "--format=json"]
    code, out, _ = run(capsys, *words)
    card = zoo.find("gan_digits").info["metrics"]
    figures = json.loads(out)
    assert code == 0 and set(figures) == set(card)
    for name, figure in figures.items():
        assert figure["sampling_seeds"] == 2 and figure["spread"] > 0
        # The card's is the first of the two sets.
        assert abs(figure["value"] - card[name]["value"]) < 2 * figure["spread"] + 1e-4
    code, _, err = run(capsys, "evaluate", "gan_digits", "--sampling_seeds=0")
    assert code == 2 and "--sampling_seeds needs a positive integer, but got '0'" in err


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
