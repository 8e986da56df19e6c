"""Perfect samplers reach the floor, others do not, and each figure says its protocol."""

import functools
import sys
import types

import numpy as np
import pytest

from tfgen import data, metrics
from tfgen.data.image_data import ImageData, IndexedSplit
from tfgen.errors import UserError
from tfgen.metrics import classifier_accuracy, extract, frechet_distance
from tfgen.metrics.mode_coverage import gaussian_coverage
from tfgen.models.base import TractableModel

# One set of samples, where a test is not of several.
evaluate = functools.partial(metrics.evaluate, sampling_seeds=1)
PROTOCOL = {"value", "floor", "unit", "protocol", "split", "n", "seed"}


NAMES = ["Fréchet distance", "kernel distance", "precision", "recall", "density", "coverage"]


def sampler(draw, num_classes=0, image_shape=(8, 8, 1)):
    """A model that can only sample: `draw(rng, labels, n)`."""

    def sample(n, seed=0, labels=None):
        assert (labels is None) == (num_classes == 0)
        return draw(np.random.default_rng(seed), labels, n)

    return types.SimpleNamespace(sample=sample, num_classes=num_classes, image_shape=image_shape)


def drawn_from(images):
    """A model whose samples are these, each once in as many seeds as there are."""
    order = np.random.default_rng(0).permutation(len(images))

    def sample(n, seed=0, labels=None):
        return images[order[np.arange(seed, seed + n) % len(images)]]

    return types.SimpleNamespace(sample=sample, num_classes=0, image_shape=images.shape[1:])


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", levels=17)


@pytest.fixture(scope="module")
def mnist(shared_data_dir):
    return data.load("mnist", data_dir=shared_data_dir, limit=2500)


def test_mnist_is_measured_on_the_classifiers_features(mnist):
    train = mnist.images("train")
    perfect = evaluate(drawn_from(train), mnist)
    assert list(perfect) == [f"{name}, MNIST classifier" for name in NAMES]
    assert all(set(figure) >= {*PROTOCOL, "features"} for figure in perfect.values())
    assert {figure["n"] for figure in perfect.values()} == {2500}
    frechet, kernel, *shares = perfect.values()
    # The same images in another order.
    for figure in perfect.values():
        assert figure["value"] == pytest.approx(figure["floor"], rel=1e-4, abs=1e-9)
    assert 0 < frechet["floor"] < 2 * frechet["halves"]
    other = np.random.default_rng(1).permutation(extract(mnist.images("test"), "classifier"))
    halves = frechet_distance(other[:1250], other[1250:])
    assert frechet["halves"] == pytest.approx(halves, rel=0.1)
    assert "; 2500 training images score" in frechet["protocol"]
    assert "two halves" in frechet["protocol"]
    assert all(0.7 < figure["value"] < 1.3 for figure in shares)
    half = np.roll(train, 14, axis=1)
    wrong = evaluate(drawn_from(half), mnist)
    assert wrong["Fréchet distance, MNIST classifier"]["value"] > 20 * frechet["value"]
    assert wrong["kernel distance, MNIST classifier"]["value"] > 20 * abs(kernel["value"])
    ones = train[mnist.labels("train") == 1]
    one = evaluate(drawn_from(np.resize(ones, train.shape)), mnist)
    assert one["coverage, MNIST classifier"]["value"] < 0.2
    assert one["recall, MNIST classifier"]["value"] < 0.2


def test_figures_are_mean_and_spread_of_three_sets_of_samples(digits):
    train = digits.images("train")
    model = sampler(lambda rng, _, n: train[rng.integers(len(train), size=n)])
    found = metrics.evaluate(model, digits, seed=7)
    apart = [evaluate(model, digits, seed=7 + k * len(train)) for k in range(3)]
    for name, figure in found.items():
        values = [one[name]["value"] for one in apart]
        assert figure["value"] == pytest.approx(np.mean(values))
        assert figure["spread"] == pytest.approx(np.std(values, ddof=1))
        assert figure["spread"] > 0 or "distance" not in name  # shares may agree by chance
        assert figure["sampling_seeds"] == 3 and figure["seed"] == 7
        assert "mean of 3 sets of samples, standard deviation" in figure["protocol"]
        assert "spread" not in apart[0][name]
        # Three times as many other images are not at hand, so that the floor is that of one set.
        assert figure["floor"] == apart[0][name]["floor"] and "floor_spread" not in figure


def test_floors_are_those_of_as_many_sets_of_other_images(digits):
    model = drawn_from(digits.images("train"))
    settings = {"samples": 200, "features": "pixels", "seed": 3}
    found = metrics.evaluate(model, digits, **settings)["Fréchet distance, raw pixels"]
    train, real = (extract(digits.images(split), "pixels") for split in ("train", "test"))
    floors = [frechet_distance(train[start:][:200], real) for start in (0, 200, 400)]
    assert found["floor"] == pytest.approx(np.mean(floors))
    assert found["floor_spread"] == pytest.approx(np.std(floors, ddof=1))


def test_digits_are_measured_on_raw_pixels(digits):
    train = digits.images("train")
    model = sampler(lambda rng, _, n: train[rng.integers(len(train), size=n)])
    found = evaluate(model, digits)
    assert list(found) == [f"{name}, raw pixels" for name in NAMES]
    assert {figure["features"] for figure in found.values()} == {"pixels"}
    # As many samples as the floor has images.
    assert {figure["n"] for figure in found.values()} == {len(train)}
    assert all(f"{len(train)} training images score" in f["protocol"] for f in found.values())
    assert "; k=3; pixels in [-1, 1]; " in found["recall, raw pixels"]["protocol"]
    of_train = evaluate(model, digits, "train")["Fréchet distance, raw pixels"]
    assert "; 200 validation images score" in of_train["protocol"] and of_train["floor"] > 0


def test_a_classifier_of_samples_is_as_good_as_their_labels(digits, monkeypatch):
    monkeypatch.setattr(sys.modules[classifier_accuracy.__module__], "STEPS", 60)
    train, its_labels = digits.images("train"), digits.labels("train")
    of_class = [train[its_labels == c] for c in range(10)]

    def draw(rng, labels, n):
        return np.stack([of_class[c][rng.integers(len(of_class[c]))] for c in labels])

    name = "classifier accuracy score"
    labels_of = digits.labels
    right = evaluate(sampler(draw, 10), digits)[name]
    assert right["floor"] > 0.9 and right["value"] > 0.9 and right["n"] == 1297
    assert "trained on 1297 training images it reaches" in right["protocol"]
    wrong = classifier_accuracy(
        train, (its_labels + 1) % 10, digits.images("test"), digits.labels("test"), 10
    )
    assert wrong < 0.1
    few = data.load("digits", levels=17, limit=300)
    assert name not in evaluate(sampler(draw, 10), few)
    # A class that cannot be learnt says nothing of the samples.
    monkeypatch.setattr(digits, "labels", lambda *arguments: np.minimum(labels_of(*arguments), 8))
    assert name not in evaluate(sampler(draw, 10), digits)


@pytest.mark.parametrize("sets", [1, 3])
def test_classifiers_learn_from_samples_and_are_tested_on_the_split(digits, monkeypatch, sets):
    calls = []

    def recorded(images, labels, test_images, test_labels, num_classes, seed):
        np.testing.assert_array_equal(test_images, digits.images("test"))
        np.testing.assert_array_equal(test_labels, digits.labels("test"))
        np.testing.assert_array_equal(labels, digits.labels("train"))
        assert num_classes == 10
        calls.append((images, seed))
        return len(calls) / 8

    monkeypatch.setattr(
        sys.modules["tfgen.metrics.sample_quality"], "classifier_accuracy", recorded
    )

    def sample(n, seed=0, labels=None):
        of_seeds = np.arange(seed, seed + n).astype(np.uint8)
        return np.broadcast_to(of_seeds[:, None, None, None], [n, 8, 8, 1])

    model = types.SimpleNamespace(sample=sample, num_classes=10, image_shape=(8, 8, 1))
    found = metrics.evaluate(model, digits, sampling_seeds=sets)["classifier accuracy score"]
    # Each set has a classifier of its own, and so has the floor, of which there is but one set.
    assert [seed for _, seed in calls] == [*range(sets), *range(sets)]
    train = digits.images("train")
    for k in range(sets):
        np.testing.assert_array_equal(calls[k][0], sample(len(train), k * len(train)))
        np.testing.assert_array_equal(calls[sets + k][0], train)
    assert found["value"] == (sets + 1) / 16 and found["floor"] == (3 * sets + 1) / 16
    assert ("floor_spread" in found) == ("spread" in found) == (sets == 3)
    assert "), labels of training images, names the 300 images of split test" in found["protocol"]
    assert ("it reaches 0.6250, mean of 3 classifiers" in found["protocol"]) == (sets == 3)


def test_images_and_labels_that_no_classifier_can_learn_are_told():
    images, labels = np.zeros([4, 8, 8, 1], np.uint8), np.arange(4)
    for arguments, sentence in (
        ((images / 255, labels, images, labels, 4), "^images must be uint8 .* are float64 of"),
        ((images, labels, images[:, :4], labels, 4), r"one shape, but are of \[8, 8, 1\] and \[4"),
        ((images, labels[:3], images, labels, 4), "^3 labels were given for 4 images.$"),
        ((images, labels, images, labels, 3), "^label 3 is not one of the classes 0..2.$"),
        ((images, labels, images, labels / 1, 4), "^labels must be integers in 0..3, but are f"),
        ((images, labels, images, labels, 0), "^num_classes must be an integer of at least 1"),
    ):
        with pytest.raises(UserError, match=sentence):
            classifier_accuracy(*arguments)


def test_mean_images_are_drawn_before_they_are_compared_with_binary_ones(digits):
    """A sampler of mean images that are the pixels' true probabilities is a perfect one."""
    binary = data.load("digits", levels=2)
    grey = digits.images("train")
    model = sampler(lambda rng, _, n: grey[rng.integers(len(grey), size=n)])
    frechet = evaluate(model, binary)["Fréchet distance, raw pixels"]
    assert frechet["value"] < 1.2 * frechet["floor"]
    assert "grey pixels drawn black or white" in frechet["protocol"]


def test_protocols_name_the_images_and_labels_that_were_taken(digits):
    few = data.load("digits", levels=17, limit=200)
    found = evaluate(drawn_from(few.images("train")), few)["kernel distance, raw pixels"]
    assert "200 samples against the first 200 images of split test" in found["protocol"]
    whole = evaluate(drawn_from(digits.images("train")), digits, samples=100, features="pixels")
    assert "the 300 images of split test" in whole["kernel distance, raw pixels"]["protocol"]
    ring = data.load("ring_of_gaussians")
    images = ring.images("train", 500)
    perfect = sampler(lambda rng, labels, n: images[: len(labels)], 8, ring.image_shape)
    modes = evaluate(perfect, ring, samples=500)["modes"]["protocol"]
    assert modes.startswith("500 samples, labels of split test, of high quality within 3 sigma")
    assert modes.endswith("the first 500 images of split test score 8")


def likely(draw):
    """A tractable model of images, all equally likely, that samples by `draw`."""

    class Likely(TractableModel):
        def sample(self, n, seed=0, labels=None):
            return draw(np.random.default_rng(seed), labels, n)

        def log_prob(self, images, labels=None):
            return np.zeros(len(images), np.float32)

    return Likely((28, 28, 1))


def test_of_few_images_a_model_has_what_they_allow(mnist, shared_data_dir):
    def measured(limit, make=drawn_from, **settings):
        few = data.load("mnist", data_dir=shared_data_dir, limit=limit)
        return evaluate(make(few.images("train")), few, **settings)

    assert len(measured(256)) == 6 and "halves" not in next(iter(measured(256).values()))
    assert list(measured(100)) == [
        f"{name}, MNIST classifier"
        for name in ("kernel distance", "precision", "recall", "density", "coverage")
    ]
    for few in (3, 49):  # of which any neighbour is near enough
        assert list(measured(few)) == ["kernel distance, MNIST classifier"]
    assert measured(1) == {}
    with pytest.raises(UserError, match="100 images are too few for features 'classifier', which"):
        measured(100, features="classifier")

    def tractable(images):
        return likely(lambda rng, _, n: images[:n])

    assert all("likelihood" in name for name in measured(256, tractable))
    assert len(measured(256, tractable, features="classifier")) == 2 + 6


def test_large_images_have_no_frechet_distance_and_unknown_features_are_told():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, [180, 40, 40, 3]).astype(np.uint8)
    splits = {
        split: IndexedSplit.in_memory(images[rows::3], np.zeros(60))
        for rows, split in enumerate(("train", "validation", "test"))
    }
    large = ImageData("large", (40, 40, 3), (), splits, "here")
    model = sampler(lambda rng, _, n: images[rng.integers(0, 180, n)], image_shape=(40, 40, 3))
    assert list(evaluate(model, large)) == [f"{name}, raw pixels" for name in NAMES[1:]]
    with pytest.raises(UserError, match="features 'pixel' not found; did you mean 'pixels'"):
        evaluate(model, large, features="pixel")
    with pytest.raises(UserError, match="classifier of digits takes uint8 images of 28x28x1"):
        evaluate(model, large, features="classifier")


@pytest.mark.parametrize("name", ["ring_of_gaussians", "grid_of_gaussians"])
def test_gaussians_count_modes(name):
    points = data.load(name)
    train = points.images("train")
    found = evaluate(drawn_from(train), points)
    assert list(found) == ["modes", "high-quality samples", "KL(modes || uniform)"]
    modes, good, divergence = found.values()
    assert modes["value"] == modes["floor"] == points.num_classes
    # Rounding to the levels of a pixel takes some half a per cent from 98.9.
    assert good["value"] > 0.97 and good["floor"] > 0.97
    assert divergence["value"] < 0.01
    few = evaluate(drawn_from(train), points, samples=500)
    assert {figure["n"] for figure in few.values()} == {500}
    mixture = data.GAUSSIANS[name]
    tests = mixture.to_points(points.images("test", 2500))
    of_tests = gaussian_coverage(tests, mixture.centres, mixture.sigma)
    assert of_tests == (modes["floor"], good["floor"], divergence["floor"])
    between = drawn_from(np.full([2500, 1, 2, 1], 140, np.uint8))
    none = evaluate(between, points)
    assert list(none) == ["modes", "high-quality samples"] and none["modes"]["value"] == 0


def test_stacked_mnist_counts_modes(shared_data_dir):
    stacked = data.load("stacked_mnist", data_dir=shared_data_dir, limit=3000)
    others = stacked.images("validation")
    found = evaluate(drawn_from(others), stacked)
    assert list(found) == ["modes", "KL(modes || uniform)"]
    modes, divergence = found.values()
    # Of 3,000 draws from 1000 modes, 50 are missed: each with a probability of (1 - 1/1000)^3000.
    assert 930 < modes["value"] < 970 and abs(modes["value"] - modes["floor"]) < 30
    assert divergence["value"] == pytest.approx(divergence["floor"], rel=0.15)
    one = evaluate(drawn_from(np.repeat(others[:1], 3000, axis=0)), stacked)
    assert one["modes"]["value"] == 1
    assert one["KL(modes || uniform)"]["value"] == pytest.approx(np.log(1000))


def test_no_figure_has_an_infinite_floor():
    points = data.load("ring_of_gaussians", levels=17)  # further apart than a mode is wide
    perfect = drawn_from(data.load("ring_of_gaussians").images("train"))
    found = evaluate(perfect, points)
    assert list(found) == ["modes", "high-quality samples"]
    assert found["modes"]["value"] == 8 and found["modes"]["floor"] == 0


def test_samples_are_drawn_before_modes_of_binary_images_are_counted(shared_data_dir, monkeypatch):
    grey = data.load("stacked_mnist", data_dir=shared_data_dir, limit=1000)
    binary = grey.at_levels(2)
    seen = []

    def darkest(images):
        seen.append(images)
        return np.zeros(len(images), int)

    monkeypatch.setattr("tfgen.metrics.known_modes.digit_classes", darkest)
    images = grey.images("test")
    modes = metrics.evaluate(drawn_from(images), binary, seed=5, sampling_seeds=2)["modes"]
    assert modes["protocol"].startswith("1000 samples, grey pixels drawn black or white, digits")
    assert set(np.unique(seen)) == {0, 255}
    for k, first in enumerate((5, 1005)):
        samples = binary.drawn(drawn_from(images).sample(1000, first), first)
        np.testing.assert_array_equal(np.concatenate(seen[3 * k :][:3], axis=-1), samples)
