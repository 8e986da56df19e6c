"""The commands of latent codes do what the Python calls do, on the images that they name."""

import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector import projector_plugin
from test_cli import run
from werkzeug.test import Client

from tfgen import data, zoo
from tfgen.errors import UserError
from tfgen.export import projector

COMMANDS = ("reconstruct", "interpolate", "traverse", "encode")


@pytest.fixture(scope="module")
def vae():
    return zoo.load("vae_digits")


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", levels=17)


@pytest.fixture
def pictures_of(tmp_path):
    """Write images [n, h, w, 1] as a folder of PNG files."""

    def write(images):
        (tmp_path / "images").mkdir()
        for index, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(tmp_path / "images" / f"{index:03d}.png")
        return tmp_path / "images"

    return write


def size_of(columns, rows):
    """Return the size of a grid of 8x8 digits."""
    scale = 560 // (columns * 10)
    return columns * (8 * scale + 2) + 2, rows * (8 * scale + 2) + 2


def test_reconstruct_shows_images_above_their_reconstructions(capsys, tmp_path, vae, digits):
    words = ["reconstruct", "vae_digits", "--n=10", "--split=validation", "--out"]
    code, out, _ = run(capsys, *words, tmp_path / "a.npz")
    arrays = np.load(tmp_path / "a.npz")
    images = digits.images("validation", 10)
    np.testing.assert_array_equal(arrays["images"], images)
    np.testing.assert_array_equal(arrays["reconstructions"], vae.reconstruct(images))
    error = np.mean((images / 255.0 - arrays["reconstructions"] / 255.0) ** 2)
    assert code == 0 and out.startswith(f"mean squared error: {error:.4g} (pixels in [0, 1]; 10 ")
    assert run(capsys, *words, tmp_path / "a.png")[0] == 0
    picture = Image.open(tmp_path / "a.png")
    assert picture.size == size_of(8, 4)
    side = (picture.size[0] - 2) // 8
    second = np.asarray(picture)[side + 2 : 2 * side, 2:side]
    scale = (side - 2) // 8
    np.testing.assert_array_equal(second[::scale, ::scale], arrays["reconstructions"][0, ..., 0])
    assert run(capsys, *words, tmp_path / "folder")[0] == 0
    assert len(list((tmp_path / "folder").iterdir())) == 20
    assert "; 1 image)\n" in run(capsys, *words, tmp_path / "b.npz", "--n=1")[1]


def test_the_error_that_reconstruct_prints_is_the_cards(capsys, tmp_path):
    words = ["reconstruct", "autoencoder_digits", "--n=300", "--out", tmp_path / "a.npz"]
    figure = zoo.find("autoencoder_digits").info["metrics"]["reconstruction error"]["value"]
    assert f"mean squared error: {figure:.4g}" in run(capsys, *words)[1]


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_interpolate_goes_from_image_to_image(path, capsys, tmp_path, vae, digits):
    words = ["interpolate", "vae_digits", "--n=3", "--steps=4", "--path", path, "--out"]
    assert run(capsys, *words, tmp_path / "a.npz")[0] == 0
    assert run(capsys, *words, tmp_path / "b.npz")[0] == 0
    arrays = np.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(arrays["images"], np.load(tmp_path / "b.npz")["images"])
    np.testing.assert_array_equal(arrays["pairs"], [[0, 1], [2, 3], [4, 5]])
    images = digits.images("test", 6)
    expected = vae.interpolate(images[::2], images[1::2], 4, path=path)
    np.testing.assert_array_equal(arrays["images"], expected)
    np.testing.assert_array_equal(arrays["images"][:, 0], vae.reconstruct(images[::2]))
    assert run(capsys, *words, tmp_path / "a.png")[0] == 0
    assert Image.open(tmp_path / "a.png").size == size_of(4, 3)
    assert run(capsys, *words, tmp_path / "folder")[0] == 0
    image = np.asarray(Image.open(tmp_path / "folder" / "000002_003.png"))
    np.testing.assert_array_equal(image, expected[2, 3, ..., 0])


def test_a_conditional_entry_interpolates_within_classes(capsys, tmp_path, digits):
    name = "vae_digits_conditional"
    assert run(capsys, "interpolate", name, "--n=6", "--out", tmp_path / "a.npz")[0] == 0
    arrays = np.load(tmp_path / "a.npz")
    first, second = arrays["pairs"].T
    images, labels = digits.images("test", 22), digits.labels("test", 22)
    np.testing.assert_array_equal(labels[first], labels[second])
    assert len(first) == 6 and len({*first, *second}) == 12
    expected = zoo.load(name).reconstruct(images[second], labels[second])
    np.testing.assert_array_equal(arrays["images"][:, -1], expected)


def test_a_gan_interpolates_between_the_samples_of_seeds(capsys, tmp_path):
    words = ["interpolate", "gan_digits", "--n=2", "--steps=3", "--seed=6", "--out"]
    assert run(capsys, *words, tmp_path / "a.npz")[0] == 0
    arrays, model = np.load(tmp_path / "a.npz"), zoo.load("gan_digits")
    np.testing.assert_array_equal(arrays["pairs"], [[6, 7], [8, 9]])
    np.testing.assert_array_equal(arrays["images"], model.interpolate([6, 8], [7, 9], 3))
    np.testing.assert_array_equal(arrays["images"][:, 0], model.sample(3, seed=6)[::2])
    assert run(capsys, *words, tmp_path / "b.npz", "--path=linear")[0] == 0
    assert np.any(np.load(tmp_path / "b.npz")["images"] != arrays["images"])
    assert run(capsys, *words, tmp_path / "c.npz", "--truncation=0.5")[0] == 0
    narrow = model.sample(3, seed=6, truncation=0.5)
    np.testing.assert_array_equal(np.load(tmp_path / "c.npz")["images"][:, 0], narrow[::2])
    assert run(capsys, *words, tmp_path / "a.png")[0] == 0
    assert Image.open(tmp_path / "a.png").size == size_of(3, 2)


def test_a_conditional_gan_interpolates_within_classes(capsys, tmp_path):
    name = "gan_digits_conditional"
    model = zoo.load(name)
    for flag, second, labels in ((), 10, [0, 1, 2]), (["--label=7"], 1, [7, 7, 7]):
        words = ["interpolate", name, "--n=3", *flag, "--overwrite", "--out", tmp_path / "a.npz"]
        assert run(capsys, *words)[0] == 0
        arrays = np.load(tmp_path / "a.npz")
        assert arrays["pairs"][0].tolist() == [0, second]
        for line, (first, last), label in zip(
            arrays["images"], arrays["pairs"], labels, strict=True
        ):
            np.testing.assert_array_equal(line[0], model.sample(1, first, label)[0])
            np.testing.assert_array_equal(line[-1], model.sample(1, last, label)[0])


def test_traverse_sets_coordinates_of_one_code(capsys, tmp_path, vae, digits):
    words = ["traverse", "vae_digits", "--dimensions=3,0", "--values", "-2:2:5", "--image=4"]
    assert run(capsys, *words, "--out", tmp_path / "a.npz")[0] == 0
    arrays = np.load(tmp_path / "a.npz")
    expected = vae.traverse(digits.images("test", 5)[4:], [3, 0], [-2.0, -1, 0, 1, 2])[0]
    np.testing.assert_array_equal(arrays["images"], expected)
    np.testing.assert_array_equal(arrays["dimensions"], [3, 0])
    np.testing.assert_array_equal(arrays["values"], [-2, -1, 0, 1, 2])
    assert run(capsys, *words[:3], "--values", "-2,2", "--out", tmp_path / "a.png")[0] == 0
    assert Image.open(tmp_path / "a.png").size == size_of(2, 2)
    assert run(capsys, *words[:2], "--dimensions=all", "--out", tmp_path / "b.png")[0] == 0
    assert Image.open(tmp_path / "b.png").size == size_of(7, vae.latent_dim)


def test_traverse_shows_the_most_active_dimensions(capsys, tmp_path, vae, digits):
    variances = np.var(vae.encode(digits.images("test")), axis=0)
    expected = np.argsort(-variances)[:10]
    code, out, _ = run(capsys, "traverse", "vae_digits", "--out", tmp_path / "a.png")
    assert code == 0 and out.startswith(f"dimensions: {','.join(map(str, expected))}\n")
    assert Image.open(tmp_path / "a.png").size == size_of(7, 10)
    words = ["traverse", "vae_digits", "--dimensions=top:2", "--out", tmp_path / "b.npz"]
    assert run(capsys, *words)[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "b.npz")["dimensions"], expected[:2])


def test_encode_writes_codes_and_what_they_are_of(capsys, tmp_path, vae, digits, pictures_of):
    assert run(capsys, "encode", "vae_digits", "--out", tmp_path / "a.npz")[0] == 0
    arrays = np.load(tmp_path / "a.npz")
    images = digits.images("test")
    assert arrays["latents"].dtype == np.float32 and str(arrays["split"]) == "test"
    np.testing.assert_allclose(arrays["latents"], vae.encode(images), atol=1e-4)
    np.testing.assert_array_equal(arrays["labels"], digits.labels("test"))
    np.testing.assert_array_equal(arrays["indices"], np.arange(300))
    # Files between the levels of the grid are moved to the nearest one.
    folder = pictures_of(np.where(images[:5] > 250, 255, images[:5] + np.uint8(3)))
    words = ["encode", "vae_digits", "--images", folder, "--out", tmp_path / "b.npz"]
    assert run(capsys, *words)[0] == 0
    own = np.load(tmp_path / "b.npz")
    np.testing.assert_allclose(own["latents"], arrays["latents"][:5], atol=1e-4)
    assert set(own) == {"latents", "indices", "files"}
    assert own["files"].tolist() == [f"{index:03d}.png" for index in range(5)]


def test_encode_tells_the_folders_of_classes_but_takes_them_for_no_entrys(capsys, tmp_path):
    folder = tmp_path / "images"
    names = ["a/0.png", "a/1.png", os.fsdecode(b"b\xff/0.png")]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros([8, 8], np.uint8)).save(folder / name)
    words = ["--images", folder, "--out", tmp_path / "a.npz", "--projector", tmp_path / "projector"]
    code, _, err = run(capsys, "encode", "vae_digits_conditional", *words)
    assert code == 2 and "is conditional; say the class with --label" in err
    assert run(capsys, "encode", "vae_digits", *words)[0] == 0
    arrays = np.load(tmp_path / "a.npz")
    assert arrays["files"].tolist() == names and arrays["labels"].tolist() == [0, 0, 1]
    lines = (tmp_path / "projector" / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["0\ta", "1\ta", "2\tb\\udcff"]


def test_a_conditional_entry_encodes_by_label(capsys, tmp_path, digits, pictures_of):
    name, images = "vae_digits_conditional", digits.images("test", 3)
    model, labels = zoo.load(name), digits.labels("test", 3)
    assert run(capsys, "encode", name, "--n=3", "--out", tmp_path / "a.npz")[0] == 0
    found = np.load(tmp_path / "a.npz")["latents"]
    np.testing.assert_allclose(found, model.encode(images, labels), atol=1e-4)
    words = ["encode", name, "--images", pictures_of(images), "--out", tmp_path / "b.npz"]
    code, _, err = run(capsys, *words)
    assert code == 2 and "is conditional; say the class with --label" in err
    assert run(capsys, *words, "--label=4")[0] == 0
    found = np.load(tmp_path / "b.npz")["latents"]
    np.testing.assert_allclose(found, model.encode(images, 4), atol=1e-4)


def test_tensorboard_serves_the_projectors_files(capsys, tmp_path, vae, digits):
    folder = tmp_path / "projector"
    words = ["encode", "vae_digits", "--n=11", "--projector", folder]
    code, out, _ = run(capsys, *words)
    assert code == 0 and f"tensorboard --logdir {folder}" in out
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    context = base_plugin.TBContext(data_provider=provider, logdir=str(folder))
    apps = projector_plugin.ProjectorPlugin(context).get_plugin_apps()

    def served(route, query="?run=.&name=latents"):
        response = Client(apps[route]).get(route + query)
        assert response.status_code == 200, response.data
        return response

    assert served("/runs", "").json == ["."]
    (embedding,) = served("/info").json["embeddings"]
    assert embedding["tensorShape"] == [11, 16] and embedding["sprite"]["singleImageDim"] == [8, 8]
    latents = np.frombuffer(served("/tensor").data, np.float32).reshape(11, 16)
    np.testing.assert_allclose(latents, vae.encode(digits.images("test", 11)), atol=1e-4)
    lines = served("/metadata").text.splitlines()
    expected = [f"{index}\t{label}" for index, label in enumerate(digits.labels("test", 11))]
    assert lines == ["index\tclass", *expected]
    assert served("/sprite_image").mimetype == "image/png"
    sprite = np.asarray(Image.open(folder / "sprite.png"))
    assert sprite.shape == (32, 32)
    np.testing.assert_array_equal(sprite[8:16, 16:24], digits.images("test", 7)[6, ..., 0])
    code, _, err = run(capsys, *words)
    assert code == 2 and "exists; choose another --projector, or pass --overwrite" in err
    assert run(capsys, *words, "--overwrite")[0] == 0


def test_metadata_of_unlabelled_images_has_no_heading_and_a_sprite_its_limit(tmp_path):
    images = np.zeros([3, 4, 6, 3], np.uint8)
    projector.write(tmp_path / "a", np.zeros([3, 1]), images)
    assert (tmp_path / "a" / "metadata.tsv").read_text() == "0\n1\n2\n"
    projector.write(tmp_path / "b", np.zeros([3, 1]), images, [0, 1, 0], ["a\tb", "ü"])
    text = (tmp_path / "b" / "metadata.tsv").read_text(encoding="utf-8")
    assert text == "index\tclass\n0\ta b\n1\tü\n2\ta b\n"
    large = np.broadcast_to(np.uint8(0), [5, 4097, 1, 1])
    with pytest.raises(UserError, match="can hold; take at most 1"):
        projector.write(tmp_path / "c", np.zeros([5, 1]), large)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("name", "command"),
    [
        *(("pixelcnn_digits", command) for command in COMMANDS),
        *(("gan_digits", command) for command in COMMANDS if command != "interpolate"),
    ],
)
def test_entries_without_codes_are_refused(name, command, capsys, tmp_path):
    out = tmp_path / "x.npz"
    code, _, err = run(capsys, command, name, "--out", out)
    family = zoo.find(name).info["family"]
    assert f"is of the family {family}; {command} needs an entry with codes: autoencoder" in err
    assert code == 2 and err.count("\n") == 1 and not out.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["encode", "vae_digits"], "say where to: --out FILE.npz, or --projector DIR"),
        (["encode", "vae_digits", "--out=x.png"], "--out must be a file that ends in .npz"),
        (["encode", "vae_digits", "--projector=setup.txt"], "--projector must be a folder, but"),
        (["reconstruct", "vae_digits"], "say where to: --out"),
        (["reconstruct", "vae_digits", "--split=x", "--out=x.png"], "--split needs train or"),
        (["reconstruct", "vae_digits", "--images=none", "--out=x.png"], "there is no file or fold"),
        (["reconstruct", "vae_digits", "--label=1", "--out=x.png"], "is unconditional; leave out"),
        (
            ["interpolate", "vae_digits", "--path=arc", "--out=x.png"],
            "--path needs linear or",
        ),
        (
            ["interpolate", "vae_digits", "--steps=1", "--out=x.png"],
            "flag --steps needs integer >= 2",
        ),
        (
            ["interpolate", "vae_digits", "--images=one.png", "--out=x.png"],
            "at least two images, but got 1 in all",
        ),
        (["interpolate", "vae_digits", "--seed=1", "--out=x.png"], "goes between images; leave ou"),
        (["interpolate", "vae_digits", "--truncation=1", "--out=x.png"], "leave out --truncation"),
        (
            ["interpolate", "gan_digits", "--truncation=0", "--out=x.png"],
            "must be a number in (0, inf]",
        ),
        (["interpolate", "gan_digits", "--images=one.png", "--out=x.png"], "encodes no images; le"),
        (["interpolate", "gan_digits", "--split=train", "--out=x.png"], "leave out --split"),
        (["interpolate", "gan_digits", "--seed=2147483640", "--out=x.png"], "the largest seed"),
        (["traverse", "vae_digits", "--dimensions=16", "--out=x.png"], "dimension 16 is not one"),
        (["traverse", "vae_digits", "--dimensions=top:17", "--out=x.png"], "at most top:16, all"),
        (["traverse", "vae_digits", "--dimensions=top:0", "--out=x.png"], "must be all, top:K, or"),
        (["traverse", "vae_digits", "--dimensions=a", "--out=x.png"], "must be all, top:K, or"),
        (["traverse", "vae_digits", "--values=1:2", "--out=x.png"], "must be FROM:TO:COUNT or"),
        (["traverse", "vae_digits", "--values=1:2:0", "--out=x.png"], "must be FROM:TO:COUNT or"),
        (["traverse", "vae_digits", "--values=", "--out=x.png"], "must be FROM:TO:COUNT or"),
        (["traverse", "vae_digits", "--values=nan", "--out=x.png"], "values must be finite"),
        (["traverse", "vae_digits", "--image=300", "--out=x.png"], "--image must lie in 0..299"),
        (["traverse", "vae_digits", "--images=one.png", "--out=x.png"], "which dimensions are act"),
    ],
    ids=lambda part: " ".join(part)[:45] if isinstance(part, list) else "",
)
def test_a_mistake_is_told_in_one_sentence(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros([8, 8], np.uint8)).save("one.png")
    (tmp_path / "setup.txt").write_text("mine")
    code, out, err = run(capsys, *words)
    assert code == 2 and out == "" and sentence in err and err.count("\n") == 1, err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "setup.txt"]


def test_codes_are_made_in_batches(vae, digits):
    from tfgen.models.base import in_batches

    images = digits.images("test", 10)
    found = in_batches(vae.encode, images, None, batch_size=4)
    assert tf.reduce_max(tf.abs(found - vae.encode(images))) < 1e-4
