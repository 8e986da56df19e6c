"""Batches follow from (seed, step) alone, splits are fixed, and every image counts once."""

import functools
import hashlib
import os
import pathlib
import shutil
import struct
import zlib

import numpy as np
import pytest
import requests
import tensorflow as tf
from PIL import Image

from tfgen import data
from tfgen.data import folder as folder_source
from tfgen.data import stacked_mnist, tfds_source
from tfgen.data.image_data import ImageData
from tfgen.errors import UserError
from tfgen.images import grid
from tfgen.models import VAE


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", levels=17)


@pytest.fixture
def image_folder(tmp_path):
    """Two classes of grey 6x5 images, with a hidden file that does not count."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for k in range(15):
            pixels = rng.integers(0, 256, [6, 5], dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{k}.png")
    (tmp_path / "cat" / ".DS_Store").write_text("x")
    return tmp_path


def fill(folder, n=5, height=9, width=9):
    """Write `n` grey images into a new folder, 0.png, 1.png and so on, image k of grey k."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(n):
        Image.new("L", (width, height), k).save(folder / f"{k}.png")
    return folder


def damage(picture):
    """Cut off a PNG behind its header, which goes on to look whole."""
    picture.write_bytes(picture.read_bytes()[:45])


def taken(dataset, n):
    return [tuple(np.asarray(part) for part in batch) for batch in dataset.take(n)]


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_digits_are_the_documented_splits(digits):
    assert digits.image_shape == (8, 8, 1) and digits.num_classes == 10
    assert [digits.size(s) for s in ("train", "validation", "test")] == [1297, 200, 300]
    images = np.concatenate([digits.images(s) for s in ("train", "validation", "test")])
    assert images.dtype == np.uint8 and set(np.unique(images)) == set(grid(17))
    from sklearn.datasets import load_digits

    def rows(pixels):
        return sorted(map(bytes, pixels.reshape(len(pixels), -1)))

    expected = np.round(load_digits().images * 255 / 16).astype(np.uint8)
    assert rows(images) == rows(expected)


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("memory_limit", [2**30, 100], ids=["in memory", "streamed"])
def test_a_later_start_goes_on_where_batches_would_have_led(levels, memory_limit):
    source = tfds_source.open_tfds("digits", memory_limit=memory_limit)
    images = ImageData(**source, levels=levels)
    tf.random.set_seed(levels)  # which must not matter
    assert ("streamed" in images.where) == (memory_limit == 100)
    whole = taken(images.train_batches(300, seed=5), 12)  # crosses two epochs' ends
    tf.random.set_seed(levels + 1)
    assert_same(taken(images.train_batches(300, seed=5, start_step=7), 5), whole[7:])
    assert np.any(whole[0][0] != taken(images.train_batches(300, seed=6), 1)[0][0])


@pytest.mark.parametrize("memory_limit", [2**30, 100], ids=["in memory", "streamed"])
def test_an_epoch_holds_every_image_once_and_in_a_new_order(memory_limit):
    images = ImageData(**tfds_source.open_tfds("digits", memory_limit=memory_limit))
    size = images.size("train")
    first, second = taken(images.train_batches(size), 2)

    def rows(batch):
        return [bytes(image) for image in batch[0]]

    assert sorted(rows(first)) == sorted(rows(second)) == sorted(map(bytes, images.images("train")))
    assert rows(first) != rows(second)


def test_evaluation_batches_are_full_and_count_every_image_once(digits):
    batches = taken(digits.batches("test", 128), 99)
    assert [len(images) for images, _, _ in batches] == [128, 128, 128]
    assert sum(weights.sum() for _, _, weights in batches) == 300
    images = np.concatenate([images[weights > 0] for images, _, weights in batches])
    np.testing.assert_array_equal(images, digits.images("test"))
    assert_same(
        [(digits.images("test", 10), digits.labels("test", 10))],
        [(digits.images("test")[:10], digits.labels("test")[:10])],
    )


def test_binarisation_is_drawn_anew_in_training_and_once_in_the_test():
    images, grey = data.load("digits", levels=2), data.load("digits")
    twice = [images.images("test"), data.load("digits", levels=2).images("test")]
    np.testing.assert_array_equal(*twice)
    assert set(np.unique(twice[0])) == {0, 255}
    # An image's binarisation does not depend on the batch it comes in.
    small = np.concatenate([x[w > 0] for x, _, w in taken(images.batches("test", 7), 99)])
    np.testing.assert_array_equal(small, twice[0])
    size = images.size("train")
    epochs = taken(images.train_batches(size), 20)
    np.testing.assert_allclose(
        np.mean([x.mean(axis=0) for x, _ in epochs], axis=0),
        grey.images("train").mean(axis=0),
        atol=6 * 255 * 0.5 / np.sqrt(20 * size),
    )
    assert np.any(np.sort(epochs[0][0], axis=0) != np.sort(epochs[1][0], axis=0))


def test_grey_samples_are_drawn_as_the_images_of_two_levels_are():
    binary, grey = data.load("digits", levels=2), data.load("digits")
    samples = np.repeat(grey.images("test", 4), 200, axis=0)
    drawn = binary.drawn(samples, 5)
    assert set(np.unique(drawn)) == {0, 255}
    by_image = drawn.reshape(4, 200, *binary.image_shape)
    # Six deviations of the mean of 200 draws.
    np.testing.assert_allclose(by_image.mean(axis=1), samples[::200], atol=6 * 127.5 / 200**0.5)
    np.testing.assert_array_equal(binary.drawn(samples[3:9], 8), drawn[3:9])  # a seed an image
    np.testing.assert_array_equal(binary.drawn(drawn, 0), drawn)
    np.testing.assert_array_equal(grey.drawn(samples, 5), samples)


def test_a_folder_is_split_by_name_and_labelled_by_subfolder(image_folder):
    images = data.load(str(image_folder))
    assert images.image_shape == (6, 5, 1) and images.class_names == ("cat", "dog")
    assert [images.size(s) for s in ("train", "validation", "test")] == [24, 3, 3]
    shown = {
        bytes(x): int(y) for x, y, _ in images.batches("train", 24).unbatch().as_numpy_iterator()
    }
    for name, label in (("cat", 0), ("dog", 1)):
        for file in (image_folder / name).glob("*.png"):
            assert shown.get(np.asarray(Image.open(file)).tobytes(), label) == label
    # Read when needed or held in memory: the same batches.
    lazy = ImageData(**folder_source.open_folder(image_folder, memory_limit=10))
    assert "read when needed" in lazy.where
    # The classes lie mixed, so that the first images stand for all.
    assert len(np.unique(images.labels("train", 8))) == 2
    assert images.missing_classes("train") == lazy.missing_classes("train") == []
    few = data.load(str(image_folder), limit=1)
    assert len(few.missing_classes("train")) == 1
    assert_same(taken(lazy.train_batches(10), 5), taken(images.train_batches(10), 5))


def test_names_alone_decide_the_split(image_folder, tmp_path):
    images = data.load(image_folder)
    names = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(15)]
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    splits = {"test": order[:3], "validation": order[3:6], "train": order[6:]}
    for split, members in splits.items():
        expected = [np.asarray(Image.open(image_folder / name))[..., None] for name in members]
        np.testing.assert_array_equal(images.images(split), expected)
    # A file more, which comes first by name, moves one of the others over each border at most.
    folder = fill(tmp_path / "more", n=40)
    before = data.load(folder)
    Image.new("L", (9, 9), 255).save(folder / "!.png")
    after = data.load(folder)
    for split in splits:
        stayed = set(before.images(split)[:, 0, 0, 0]) & set(after.images(split)[:, 0, 0, 0])
        assert len(stayed) >= before.size(split) - 1


def test_file_names_need_not_be_utf8_but_folder_names_must(tmp_path):
    strange = os.fsdecode(b"caf\xe9")
    try:
        fill(tmp_path / strange)
    except OSError:
        pytest.skip("needs a file system that takes any bytes as a name")
    folder = fill(tmp_path / "images")
    (folder / "0.png").rename(folder / f"{strange}.png")
    assert data.load(folder).size("train") == 3
    damage(folder / f"{strange}.png")
    for memory_limit in (0, 2**30):
        with pytest.raises(UserError, match="caf.*png is a broken image"):
            source = folder_source.open_folder(folder, memory_limit=memory_limit)
            [ImageData(**source).images(split) for split in ("train", "validation", "test")]
    fill(tmp_path / "classes" / strange)
    for wrong in (tmp_path / strange, tmp_path / "classes"):
        with pytest.raises(UserError, match=r"caf\\udce9 is not UTF-8, .*; rename it\.$"):
            data.load(wrong)


@pytest.mark.parametrize("name", ["digits", "mine"])
def test_a_folder_has_not_the_name_of_a_data_set(name, tmp_path, monkeypatch):
    data.load("digits").images("test", 1)
    prepared = pathlib.Path(tfds_source._digits().data_path)
    shutil.copytree(prepared, tmp_path / "data" / "mine" / prepared.name)
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / name)
    known = data.load(name, data_dir=str(tmp_path / "data"))
    assert known.image_shape == (8, 8, 1) and known.name == name
    for path in (f"./{name}", f"{name}/", pathlib.Path(name)):
        folder = data.load(path, data_dir=str(tmp_path / "data"))
        assert folder.image_shape == (9, 9, 1) and folder.name == f"./{name}"
        assert data.load(folder.name).image_shape == (9, 9, 1)


def test_a_bare_name_that_no_data_set_has_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(fill(tmp_path / "my_images").parent)
    assert data.load("my_images", data_dir=str(tmp_path)).name == "./my_images"
    assert data.load(str(tmp_path / "my_images")).name == str(tmp_path / "my_images")


def test_a_picture_that_is_damaged_within_ends_a_training_in_one_sentence(tmp_path):
    for path in fill(tmp_path / "images").iterdir():
        damage(path)
    source = folder_source.open_folder(tmp_path / "images", memory_limit=10)
    images = ImageData(**source, levels=2)
    model = VAE(images.image_shape, 2, (5,))
    model.compile("sgd")
    sentence = r"^/.*images/\d\.png is a broken image; mend or remove it\.$"
    with pytest.raises(UserError, match=sentence):
        model.fit(images.train_batches(4), steps_per_epoch=2, verbose=0)
    with pytest.raises(UserError, match=sentence):
        images.images("test")


def test_a_folder_of_colour_images_has_three_channels(tmp_path):
    for k in range(4):
        Image.new("RGBA", (4, 4), (k, 2, 3, 255)).save(tmp_path / f"{k}.png")
    images = data.load(f"{tmp_path}/")
    assert images.image_shape == (4, 4, 3) and images.num_classes == 0
    assert [images.size(s) for s in ("train", "validation", "test")] == [2, 1, 1]


def spoil_empty(folder):
    return "there are no images in", lambda: [f.unlink() for f in folder.iterdir()]


def spoil_text(folder):
    return "notes.txt is not an image", lambda: (folder / "notes.txt").write_text("hello")


def spoil_broken(folder):
    return "9.png cannot be read", lambda: (folder / "9.png").write_bytes(b"\x89PNG not really")


def spoil_truncated(folder):
    content = (folder / "0.png").read_bytes()
    return "0.png is a broken image", lambda: (folder / "0.png").write_bytes(content[:-40])


def spoil_mixed(folder):
    return "differ in size: 0.png is 9x9, 9.png is 4x7", lambda: Image.new("L", (4, 7)).save(
        folder / "9.png"
    )


def spoil_mixture_of_levels(folder):
    return "both folders and files", lambda: (folder / "sub").mkdir()


def spoil_bomb(folder):
    def act():
        Image.new("L", (9, 9)).save(folder / "9.png")
        content = bytearray((folder / "9.png").read_bytes())
        content[16:24] = struct.pack(">II", 60_000, 60_000)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        (folder / "9.png").write_bytes(content)

    return "9.png cannot be read as an image", act


def spoil_deep(folder):
    deep = np.full([9, 9], 40_000, np.uint16)
    return "9.png has more than 8 bits a channel", lambda: Image.fromarray(deep).save(
        folder / "9.png"
    )


def spoil_deep_colour(folder):
    def act():  # by hand, as Pillow writes no such file
        parts = [
            (b"IHDR", struct.pack(">IIBBBBB", 9, 9, 16, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(bytes(9 * (1 + 9 * 6)))),
            (b"IEND", b""),
        ]
        content = b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in parts
        )
        (folder / "9.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)

    return "9.png has more than 8 bits a channel", act


def spoil_float(folder):
    deep = np.full([9, 9], 0.5, np.float32)
    return "9.tif has more than 8 bits a channel", lambda: Image.fromarray(deep).save(
        folder / "9.tif"
    )


def spoil_few(folder):
    return "holds 1 image; at least 3", lambda: [
        folder.joinpath(f"{k}.png").unlink() for k in range(4)
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_bomb,
        spoil_deep,
        spoil_deep_colour,
        spoil_float,
        spoil_few,
        spoil_empty,
        spoil_text,
        spoil_broken,
        spoil_truncated,
        spoil_mixed,
        spoil_mixture_of_levels,
    ],
)
def test_a_spoilt_folder_is_told_in_one_sentence(spoil, tmp_path):
    rng = np.random.default_rng(0)
    for k in range(5):
        pixels = rng.integers(0, 256, [9, 9], dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    sentence, act = spoil(tmp_path)
    act()
    with pytest.raises(UserError, match=sentence) as error:
        data.load(str(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("digit", r"'digit' is neither one of TFDS nor prepared in \S+; did you mean 'digits'"),
        ("qqq", r"^dataset 'qqq' is neither one of TFDS nor prepared in \S+\.$"),
        ("minst", "did you mean 'mnist'"),
        ("no/such/folder", "there is no folder no/such/folder"),
    ],
)
def test_unknown_data_are_told_with_the_nearest_name(name, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        data.load(name, data_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests.exceptions.ConnectionError("HTTPSConnectionPool(host=... " * 9), "no network"),
        (OSError("word " * 99), "word ..."),
        (ValueError(), "ValueError"),
    ],
)
def test_a_download_that_fails_is_told_in_few_words(error, reason, tmp_path, monkeypatch):
    def fails(_builder):
        raise error

    monkeypatch.setattr(tfds_source, "_prepare", fails)
    with pytest.raises(UserError, match="is not prepared in .* could not be downloaded") as told:
        data.load("mnist", data_dir=str(tmp_path))
    assert f"{reason}); prepare it" in str(told.value)
    assert len(str(told.value).replace(str(tmp_path), "")) < 260


def test_unknown_splits_and_levels_are_refused(digits):
    with pytest.raises(UserError, match="has no split 'tset'; it has train, validation, test"):
        digits.images("tset")
    with pytest.raises(UserError, match=r"levels must be an integer in 2..256"):
        data.load("digits", levels=1)


def test_the_newest_version_is_taken(tmp_path):
    for version in ("3.0.1", "10.0.0", "9.0.0.incomplete1", "old"):
        (tmp_path / "mine" / version).mkdir(parents=True)
        (tmp_path / "mine" / version / "dataset_info.json").touch()
    assert tfds_source._newest_version("mine", tmp_path).name == "10.0.0"
    assert tfds_source._newest_version("other", tmp_path) is None


@pytest.mark.parametrize(
    ("chosen", "place"),
    [
        ({"TFGEN_CACHE": "cache"}, "cache"),
        ({"XDG_CACHE_HOME": "xdg"}, "xdg/tfgen"),
        ({"XDG_CACHE_HOME": ""}, ".cache/tfgen"),
    ],
)
def test_the_digits_lie_in_the_cache(chosen, place, tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_source, "_prepare", lambda builder: None)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TFGEN_CACHE", raising=False)
    for variable, folder in chosen.items():
        monkeypatch.setenv(variable, folder and str(tmp_path / folder))
    expected = tmp_path / place / "tensorflow_datasets" / "digits" / "1.0.0"
    assert pathlib.Path(tfds_source._digits().data_path) == expected


def test_a_cache_that_takes_no_digits_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="set TFGEN_CACHE to a directory that can be written"):
        data.load("digits")


def test_mnist_sets_its_last_training_images_aside(shared_data_dir):
    images = data.load("mnist", data_dir=shared_data_dir, levels=2)
    assert images.image_shape == (28, 28, 1) and images.num_classes == 10
    assert [images.size(s) for s in ("train", "validation", "test")] == [50_000, 10_000, 10_000]
    first = images.images("test", 100)
    assert set(np.unique(first)) == {0, 255} and 0.05 < first.mean() / 255 < 0.25


def test_a_limit_keeps_the_first_images_of_each_split(digits):
    few = data.load("digits", levels=17, limit=50)
    for split in ("train", "validation", "test"):
        assert few.size(split) == 50
        np.testing.assert_array_equal(few.images(split), digits.images(split, 50))


def test_a_colour_data_set_needs_no_builder_code(shared_data_dir):
    images = data.load("cifar10_jpeg", data_dir=shared_data_dir)
    assert images.image_shape == (32, 32, 3) and images.num_classes == 10
    assert images.size("test") == 10_000 and images.images("test", 5).std() > 20


def test_stacked_mnist_reads_its_label_in_its_channels(shared_data_dir):
    stacked = data.load("stacked_mnist", data_dir=shared_data_dir)
    assert stacked.image_shape == (28, 28, 3) and stacked.num_classes == 1000
    assert [stacked.size(s) for s in ("train", "validation", "test")] == [128_000, 26_000, 26_000]
    assert stacked.class_names[7] == "007"
    mnist = data.load("mnist", data_dir=shared_data_dir)
    for split in ("validation", "test"):
        digits, of_digits = mnist.images(split), mnist.labels(split)
        images, labels = stacked.images(split, 50), stacked.labels(split, 50)
        label_of = {bytes(digit): label for digit, label in zip(digits, of_digits, strict=True)}
        for image, label in zip(images, labels, strict=True):
            read = [label_of[bytes(np.ascontiguousarray(image[..., c]))] for c in range(3)]
            assert label == 100 * read[0] + 10 * read[1] + read[2]
        assert len(set(labels)) > 40


@pytest.mark.parametrize("name", ["ring_of_gaussians", "grid_of_gaussians"])
def test_gaussians_are_points_whose_label_is_their_mode(name):
    points = data.load(name)
    mixture = data.GAUSSIANS[name]
    assert points.image_shape == (1, 2, 1) and points.num_classes == len(mixture.centres)
    coordinates = mixture.to_points(points.images("test"))
    away = coordinates - mixture.centres[points.labels("test")]
    np.testing.assert_allclose(away.std(axis=0), mixture.sigma, rtol=0.1)
    np.testing.assert_array_equal(mixture.to_images(coordinates), points.images("test"))
    few = data.load(name, limit=40)
    np.testing.assert_array_equal(few.images("train"), points.images("train", 40))


def test_stacked_mnist_is_always_the_same(shared_data_dir, monkeypatch):
    # The first digits of each split have to do: all of them take long to read.
    open_few = functools.partial(tfds_source.open_tfds, limit=1000)
    monkeypatch.setattr(stacked_mnist, "open_tfds", open_few)
    few = [data.load("stacked_mnist", data_dir=shared_data_dir, limit=n) for n in (300, 40)]
    np.testing.assert_array_equal(few[0].images("test", 40), few[1].images("test"))
    np.testing.assert_array_equal(few[0].labels("test", 40), few[1].labels("test"))
    # Read first within a data set's graph, and from a later step on.
    whole = taken(few[0].train_batches(64, seed=1), 6)
    assert_same(taken(few[0].train_batches(64, seed=1, start_step=4), 2), whole[4:])
    binary = data.load("stacked_mnist", data_dir=shared_data_dir, limit=40, levels=2)
    assert set(np.unique(binary.images("test"))) == {0, 255}


def test_stacked_mnist_needs_mnist(tmp_path, monkeypatch):
    def fails(_builder):
        raise requests.exceptions.ConnectionError()

    monkeypatch.setattr(tfds_source, "_prepare", fails)
    with pytest.raises(UserError, match="dataset 'mnist' is not prepared"):
        data.load("stacked_mnist", data_dir=str(tmp_path))
    with pytest.raises(UserError, match="did you mean 'stacked_mnist'"):
        data.load("stacked_minst", data_dir=str(tmp_path))
