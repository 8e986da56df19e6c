"""Entries are found, verified before anything is read from them, and do what their cards say."""

import functools
import json
import math
import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import manifest, metrics, zoo
from tfgen.errors import UserError
from tfgen.export import entry as entry_files
from tfgen.export import saved_model
from tfgen.models.base import TractableModel
from tfgen.recipes.base import FINE_TUNING

NAMES = zoo.list_entries()
COMPILED = "pixelcnn_digits"  # whose served scan XLA compiles here, as on a server that has it
every_entry = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def copied(tmp_path):
    """A copy of a shipped entry, to spoil."""
    return shutil.copytree(zoo.find("vae_digits").path, tmp_path / "vae_digits")


def test_the_zoo_holds_every_family():
    families = {zoo.find(name).info["family"] for name in NAMES}
    assert families == {"autoencoder", "VAE", "GAN", "autoregressive"}
    assert len(NAMES) >= 6 and tfgen.list_entries() == NAMES
    assert all(zoo.find(name).size < 8_000_000 for name in NAMES)


@every_entry
def test_figures_of_samples_stand_beside_their_floor_and_spread(name):
    figures = zoo.find(name).info["metrics"]
    sampled = [figure for figure in figures.values() if "sampling_seeds" in figure]
    about = {"floor", "spread", "n", "split", "seed"}
    assert all(figure["sampling_seeds"] == 3 and about <= figure.keys() for figure in sampled)
    of_features = [figure for figure in figures.values() if "features" in figure]
    assert all(figure in sampled for figure in of_features)
    assert sampled or zoo.find(name).info["dataset"] == "digits"  # too few images to compare


@every_entry
def test_entry_json_lists_every_file_of_an_entry(name):
    entry = zoo.find(name)
    there = {p.relative_to(entry.path).as_posix() for p in entry.path.rglob("*") if p.is_file()}
    there = {file for file in there if not file.startswith(("logs/", ".training/"))}
    assert there == {"entry.json", "README.md", *entry.info["files"]}


@every_entry
def test_no_warm_up_starts_again_where_keras_loads_the_file(name):
    with zipfile.ZipFile(zoo.find(name).path / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))["config"]
    objective = config.get("objective", {}).get("config", {})
    assert not any(objective.get(key) for key in ("warmup_steps", "kl_warmup_steps"))


def is_one_more(name):
    """Of a model that is there for MNIST too the digits are, and what is made of PixelRNNs."""
    again = name.replace("_digits", "_mnist") in set(NAMES) - {name}
    return again and name != COMPILED or name == "pixelrnn_multiscale_digits"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.exhaustive) if is_one_more(name) else name
        for name in NAMES
    ],
)
def test_an_entry_draws_its_picture_and_so_does_its_saved_model(name, request):
    if name != COMPILED:
        request.getfixturevalue("xla_refused")
    model, entry = tfgen.load(name), zoo.find(name)
    assert model.compiled and model.optimizer_names
    for optimizer in model.optimizer_names:
        assert getattr(model, optimizer).beta_1 == entry.info["recipe"]["beta_1"]
        rate = float(getattr(model, optimizer).learning_rate)
        assert rate <= 1.0001 * FINE_TUNING * entry.info["recipe"]["learning_rate"]
    from PIL import Image

    from tfgen.export import pictures

    shown = np.asarray(Image.open(entry.path / "samples.png").convert("RGB")).astype(int)
    columns = model.num_classes or math.isqrt(entry_files.SAMPLES)
    # A scan of larger images takes too long here, so one row of them has to do.
    scanned = isinstance(model, TractableModel) and entry.info["dataset"] != "digits"
    rows = entry_files.SAMPLES // columns
    samples, _ = entry_files.sample_grid(model, columns * (1 if scanned else rows))
    grid = pictures.grid_of(samples, columns).astype(int)
    height = (len(grid) - pictures.GAP) * columns // len(samples)
    assert shown.shape == (rows * height + pictures.GAP, grid.shape[1], 3)
    # Another processor may round a pixel otherwise, but not the picture.
    assert np.mean(grid != shown[: len(grid)]) < 0.01
    served = tf.saved_model.load(str(entry.path / "saved_model" / "1")).signatures
    assert set(served) == {*model.endpoints(), "sample_png", "serving_default"}
    labels = tf.range(columns) if model.num_classes else None  # a column is a class
    inputs = {} if labels is None else {"labels": labels}
    samples = samples[:columns]
    if scanned:
        # And exact scores, in which all weights are, have to do for what is served.
        (scores,) = served["log_prob"](images=tf.constant(samples), **inputs).values()
        np.testing.assert_allclose(scores, model.log_prob(samples, labels), rtol=1e-4)
    else:
        (images,) = served["sample"](seeds=tf.range(columns), **inputs).values()
        assert np.mean(np.asarray(images) != samples) < 0.01


def test_evaluation_reproduces_a_card():
    entry = zoo.find("vae_digits")
    from tfgen import data

    figures = metrics.evaluate(zoo.load(entry.path), data.load("digits", levels=17))
    assert set(figures) == set(entry.info["metrics"])
    for key, figure in entry.info["metrics"].items():
        np.testing.assert_allclose(figures[key]["value"], figure["value"], rtol=1e-3, atol=1e-4)


def test_a_served_entry_and_a_plain_decoder_need_no_tfgen(tmp_path):
    entry = zoo.find("vae_digits")
    model = zoo.load("vae_digits")
    path = saved_model.export(model, tmp_path)
    script = """
import sys, json
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
images = [served(seeds=tf.range(n))["images"].numpy().tolist() for n in (1, 3)]
import keras, numpy as np
decoder = keras.models.load_model(sys.argv[2])
pixels = np.asarray(decoder(np.zeros([2, decoder.inputs[0].shape[1]]))).tolist()
print(json.dumps([images, pixels, sorted(m for m in sys.modules if m.startswith("tfgen"))]))
"""
    run = subprocess.run(
        [sys.executable, "-I", "-c", script, path, entry.path / "decoder.keras"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    images, pixels, modules = json.loads(run.stdout.splitlines()[-1])
    assert modules == []
    for batch in images:
        np.testing.assert_array_equal(batch, model.sample(len(batch)))
    expected = model.decode(tf.zeros([2, model.latent_dim]))
    np.testing.assert_allclose(pixels, expected, atol=0.51)


def test_a_model_exports_as_keras_models_do(tmp_path):
    model = zoo.load("vae_digits")
    model.export(tmp_path / "1")
    served = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    images = served(seeds=tf.range(2))["images"]
    np.testing.assert_array_equal(images, model.sample(2))
    with pytest.raises(UserError, match="1 exists; choose a folder that does not.$"):
        model.export(str(tmp_path / "1"), format="tf_saved_model")
    with pytest.raises(UserError, match="^a VAE is exported as 'tf_saved_model', not as 'onnx'.$"):
        model.export(tmp_path / "2", format="onnx")


def test_export_never_overwrites_a_version(tmp_path):
    model = zoo.load("vae_digits")
    saved_model.export(model, tmp_path, version=7)
    with pytest.raises(UserError, match="7 exists, and a served .* --version 8"):
        saved_model.export(model, tmp_path, version=7)


def spoil_truncated(path):
    content = (path / "model.keras").read_bytes()
    (path / "model.keras").write_bytes(content[:1000])
    return "model.keras is truncated"


def spoil_tampered(path):
    content = bytearray((path / "model.keras").read_bytes())
    content[5000] ^= 1
    (path / "model.keras").write_bytes(content)
    return "model.keras is changed or corrupt"


def spoil_missing(path):
    (path / "samples.png").unlink()
    return "samples.png is missing"


def spoil_json(path):
    (path / "entry.json").write_text("{")
    return "not a readable entry.json"


@pytest.mark.parametrize("spoil", [spoil_truncated, spoil_tampered, spoil_missing, spoil_json])
def test_a_spoilt_entry_is_refused_before_it_is_read(spoil, copied, monkeypatch):
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("was read"))
    sentence = spoil(copied)
    with pytest.raises(UserError, match=sentence):
        zoo.load(copied)


WRONG_VALUES = [
    *[([key], None) for key in manifest.INFO],
    (["num_classes"], "10"),
    (["files"], {}),
    (["files"], {"samples.png": {"sha256": "", "bytes": 1}}),
    (["files", "model.keras"], {"bytes": 1}),
    (["files", "samples.png", "bytes"], "1"),
    (["metrics", "negative ELBO"], {"value": 1.0}),
    (["training", "history"], 3),
]


@pytest.mark.parametrize(("keys", "value"), WRONG_VALUES, ids=lambda part: str(part)[:40])
def test_a_damaged_entry_json_is_refused(keys, value, copied):
    info = json.loads((copied / "entry.json").read_text())
    *outer, last = keys
    inside = functools.reduce(dict.__getitem__, outer, info)
    inside[last] = value
    (copied / "entry.json").write_text(json.dumps(info))
    with pytest.raises(UserError, match="entry.json is not a readable entry.json; get the entry"):
        zoo.find(copied)


@pytest.mark.parametrize("content", ["[]", "3", "{}", '"x"'])
def test_an_entry_json_of_another_kind_is_refused(content, copied):
    (copied / "entry.json").write_text(content)
    with pytest.raises(UserError, match="not a readable entry.json"):
        zoo.find(copied)


@pytest.mark.parametrize(("key", "value"), [("num_classes", 10), ("image_shape", [8, 8, 3])])
def test_a_model_other_than_its_entry_json_says_is_refused(key, value, copied):
    info = json.loads((copied / "entry.json").read_text())
    (copied / "entry.json").write_text(json.dumps({**info, key: value}))
    with pytest.raises(UserError, match=f"cannot be trusted: the {key} of its model is"):
        zoo.load(copied)


def test_a_bare_name_is_the_zoos_and_a_path_a_folder(copied, monkeypatch):
    monkeypatch.chdir(copied.parent)
    shipped = zoo.find("vae_digits").path
    assert shipped != copied
    for spelled in ("./vae_digits", copied, str(copied), copied.relative_to(copied.parent)):
        assert zoo.find(spelled).path.resolve() == copied


def test_unknown_entries_are_told_with_the_nearest_name(tmp_path):
    with pytest.raises(UserError, match="entry 'vae_digit' not found; did you mean 'vae_digits'"):
        zoo.find("vae_digit")
    with pytest.raises(UserError, match="holds no entry"):
        zoo.find(tmp_path)
    with pytest.raises(UserError, match="there is no folder /nonexistent/vae_digits."):
        zoo.find("/nonexistent/vae_digits")
    (tmp_path / ".training").mkdir()
    with pytest.raises(UserError, match="its training is unfinished"):
        zoo.find(tmp_path)
