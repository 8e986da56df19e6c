"""The shipped classifier is as good as it says, and features refuse what they cannot take."""

import hashlib
import json

import keras
import numpy as np
import pytest

from tfgen import data
from tfgen.data.image_data import ImageData, IndexedSplit
from tfgen.errors import UserError
from tfgen.metrics import features
from tfgen.metrics.features import digit_classifier, inception, train

ABOUT = json.loads(digit_classifier.WEIGHTS.with_suffix(".json").read_text())


def some_images(n, shape=(28, 28, 1), seed=0):
    return np.random.default_rng(seed).integers(0, 256, [n, *shape]).astype(np.uint8)


def test_the_shipped_classifier_is_small_and_as_good_as_it_says():
    content = digit_classifier.WEIGHTS.read_bytes()
    assert len(content) == ABOUT["bytes"] < 2e6
    assert hashlib.sha256(content).hexdigest() == ABOUT["sha256"]
    assert ABOUT["test_accuracy"] >= 0.993 and ABOUT["test_accuracy_black_and_white"] > 0.95


@pytest.mark.parametrize(("levels", "key"), [(256, ""), (2, "_black_and_white")])
def test_its_accuracy_is_found_again(shared_data_dir, levels, key):
    mnist = data.load("mnist", data_dir=shared_data_dir, levels=levels, limit=2000)
    right = digit_classifier.digit_classes(mnist.images("test")) == mnist.labels("test")
    expected = ABOUT[f"test_accuracy{key}"]
    assert abs(right.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 2000)


def test_features_are_the_last_hidden_layer_of_each_image_alone():
    images = some_images(7)
    found = features.extract(images, "classifier")
    assert found.shape == (7, 128) and found.min() >= 0 and found.std() > 0.1
    np.testing.assert_allclose(features.extract(images[2:3], "classifier"), found[2:3], rtol=1e-4)
    whole = keras.models.load_model(digit_classifier.WEIGHTS, compile=False)
    logits = found @ whole.get_layer("logits").kernel + whole.get_layer("logits").bias
    np.testing.assert_array_equal(digit_classifier.digit_classes(images), np.argmax(logits, axis=1))


def test_raw_pixels_keep_their_scale():
    images = some_images(3, (2, 2, 3))
    found = features.extract(images, "pixels")
    assert found.shape == (3, 12) and found.dtype == np.float64
    np.testing.assert_allclose((found + 1) * 127.5, images.reshape(3, -1))


@pytest.mark.parametrize(
    ("images", "kind", "sentence"),
    [
        (some_images(2, (8, 8, 1)), "classifier", "takes uint8 images of 28x28x1, .* of 8x8x1"),
        (some_images(2, (28, 28, 3)), "classifier", "but these are of 28x28x3"),
        (some_images(2, (8, 8, 2)), "inception", "1 or 3 channels, but these have 2"),
        (some_images(2), "inceptoin", "did you mean 'inception'"),
    ],
)
def test_images_that_features_cannot_take_are_told(images, kind, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        features.extract(images, kind)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", features.KINDS)
@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (some_images(2) / 255, r"but these are float64 of shape \[2, 28, 28, 1\]"),
        (some_images(2)[..., 0], r"but these are uint8 of shape \[2, 28, 28\]"),
        (some_images(0), r"but these are uint8 of shape \[0, 28, 28, 1\]"),
        ([[[[0]]]], r"but these are int64 of shape \[1, 1, 1, 1\]"),
        ([[0], [0, 1]], "but these are no array"),
    ],
)
def test_features_are_of_one_image_or_more_of_whole_pixels(images, kind, sentence):
    with pytest.raises(UserError, match=rf"^images must be uint8 .*, {sentence}\.$"):
        features.extract(images, kind)
    with pytest.raises(UserError, match=sentence):
        digit_classifier.digit_classes(images)


def test_a_list_of_images_is_as_good_as_an_array():
    images = some_images(3)
    np.testing.assert_array_equal(
        features.extract(list(images), "pixels"), features.extract(images, "pixels")
    )


def test_without_a_network_inception_is_told_in_one_sentence(monkeypatch):
    def fails(**_settings):
        raise Exception("URL fetch failure on https://...: None -- [Errno -3]")

    monkeypatch.setattr(keras.applications, "InceptionV3", fails)
    inception._network.cache_clear()
    with pytest.raises(UserError, match="could not be downloaded; take other features"):
        features.extract(some_images(1), "inception")


def test_inception_takes_grey_and_colour_images(monkeypatch):
    real = keras.applications.InceptionV3
    monkeypatch.setattr(
        keras.applications, "InceptionV3", lambda **settings: real(weights=None, **settings)
    )
    inception._network.cache_clear()
    grey = some_images(2)
    found = features.extract(grey, "inception")
    assert found.shape == (2, 2048)
    np.testing.assert_allclose(features.extract(grey.repeat(3, axis=-1), "inception"), found)
    inception._network.cache_clear()


def test_inception_sees_bilinear_images_of_its_size_in_its_range(monkeypatch):
    seen = []

    def network(images, training):
        assert not training
        seen.append(np.asarray(images))
        return np.zeros([len(images), 2048])

    monkeypatch.setattr(inception, "_network", lambda: network)
    ramp = np.zeros([1, 2, 4, 1], np.uint8)
    ramp[..., 2:, 0] = 255  # black on the left, white on the right, grey between their middles
    features.extract(ramp, "inception")
    (images,) = seen
    assert images.shape == (1, 299, 299, 3)
    assert images.min() == -1 and images.max() == 1
    np.testing.assert_allclose(images[0, :, 149], 0, atol=1e-5)
    steps = np.diff(images[0, 0, :, 0])
    assert steps.min() > -1e-6 and steps.max() < 0.03  # no jump, as the nearest pixel has


def test_a_corrupt_classifier_is_not_used(tmp_path, monkeypatch):
    spoilt = tmp_path / digit_classifier.WEIGHTS.name
    spoilt.write_bytes(digit_classifier.WEIGHTS.read_bytes() + b"x")
    spoilt.with_suffix(".json").write_text(json.dumps(ABOUT))
    monkeypatch.setattr(digit_classifier, "WEIGHTS", spoilt)
    with pytest.raises(UserError, match="changed or corrupt"):
        digit_classifier._shipped_parts.__wrapped__()


def test_shifted_images_are_the_image_elsewhere():
    images = some_images(200, (5, 6, 2))
    moved = digit_classifier.shifted(images, 1, np.random.default_rng(0))
    assert moved.shape == images.shape and moved.dtype == np.uint8
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    seen = set()
    for k in range(200):
        places = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if np.array_equal(padded[k, y : y + 5, x : x + 6], moved[k])
        ]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) == 9


def test_the_epoch_that_is_best_on_the_validation_split_is_kept(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    splits = {
        split: IndexedSplit.in_memory(some_images(n, seed=n), rng.integers(0, 10, n))
        for split, n in (("train", 70), ("validation", 8), ("test", 9))
    }
    digits = ImageData("mnist", (28, 28, 1), [str(c) for c in range(10)], splits, "here")
    states, told = [], iter([0.3, 0.6, 0.5])

    def accuracy(model, images, labels):
        if len(images) == 8:
            states.append(model.get_weights())
            return next(told)
        assert len(images) == 9
        return 0.25

    monkeypatch.setattr(train, "accuracy", accuracy)
    about = train.train(tmp_path, digits, epochs=3)
    assert about["epoch"] == 2 and about["validation_accuracy"] == 0.6
    assert about["test_accuracy"] == 0.25
    kept = keras.models.load_model(tmp_path / digit_classifier.WEIGHTS.name, compile=False)
    for one, best, last in zip(kept.get_weights(), states[1], states[2], strict=True):
        np.testing.assert_array_equal(one, best)
        assert not np.array_equal(best, last)


@pytest.mark.exhaustive
def test_training_it_is_reproducible_and_leaves_what_the_package_ships(shared_data_dir, tmp_path):
    mnist = data.load("mnist", data_dir=shared_data_dir, limit=512)
    about = [train.train(tmp_path / name, mnist, epochs=1) for name in ("a", "b")]
    assert set(about[0]) == set(ABOUT)
    path = tmp_path / "a" / digit_classifier.WEIGHTS.name
    assert json.loads(path.with_suffix(".json").read_text()) == about[0]
    models = [
        keras.models.load_model(tmp_path / name / path.name, compile=False) for name in ("a", "b")
    ]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)
    assert models[0].count_params() == ABOUT["parameters"]
