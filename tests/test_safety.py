"""A .keras file that could run foreign code is refused before Keras sees it."""

import json
import pickle
import shutil
import zipfile

import keras
import pytest

from tfgen import manifest, safety, zoo
from tfgen.errors import UserError

LAYER = {"module": "keras.layers", "registered_name": None, "config": {}}
GET_FILE = {"class_name": "function", "config": "get_file", "module": "keras.utils"}
UNSAFE = {
    "Lambda": {**LAYER, "class_name": "Lambda"},
    "TorchModuleWrapper": {**LAYER, "class_name": "TorchModuleWrapper"},
    "of a file": {**LAYER, "class_name": "StringLookup"},
    "function": {**GET_FILE, "registered_name": "get_file"},
    "function that claims a registered name": {**GET_FILE, "registered_name": "tfgen>VAE"},
    "lambda that claims one": {"class_name": "__lambda__", "registered_name": "tfgen>VAE"},
    "type of another module": {"class_name": "Popen", "module": "subprocess", "config": {}},
    "module of Keras": {"class_name": "Model", "module": "keras.src.utils", "config": {}},
    "without a module": {"class_name": "Dense", "config": {}},
    "without one, by a registered name": {
        "class_name": "Lambda",
        "registered_name": "tfgen>VAE",
        "config": {},
    },
    "by a dotted name": {**LAYER, "module": "keras", "class_name": "layers.Lambda"},
    "function by a dotted name": {
        **LAYER,
        "module": "keras",
        "class_name": "applications.imagenet_utils.decode_predictions",
    },
    "function as a class": {**LAYER, "class_name": "deserialize"},
    "odd": {"class_name": ["Dense"], "module": "keras.layers"},
}


def write(path, config, **more):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        for name, content in more.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("part", UNSAFE.values(), ids=UNSAFE)
def test_unsafe_parts_are_refused_however_deep(part, tmp_path):
    config = {"class_name": "VAE", "module": "tfgen.models.vae", "registered_name": "tfgen>VAE"}
    safety.check(write(tmp_path / "model.keras", {**config, "config": {}}))
    config["config"] = {"a": [{"b": part}]}
    with pytest.raises(UserError, match="is refused: to load its .* could run foreign code"):
        safety.check(write(tmp_path / "model.keras", config))


def test_a_pickle_in_the_file_is_refused(tmp_path):
    path = write(tmp_path / "model.keras", {}, **{"model.weights.npz": pickle.dumps(print)})
    with pytest.raises(UserError, match="no entry's .keras file holds 'model.weights.npz'"):
        safety.check(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"[" * 10])
def test_what_is_no_keras_file_is_told(content, tmp_path):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(UserError, match="is not a .keras file"):
        safety.check(tmp_path / "model.keras")


def test_an_entry_with_a_lambda_is_refused_before_it_is_read(tmp_path, monkeypatch):
    shipped = zoo.find("vae_digits")
    model = keras.Sequential([keras.Input([2]), keras.layers.Lambda(lambda x: x + 1)])
    shutil.copyfile(shipped.path / "model.keras", tmp_path / "model.keras")
    model.save(tmp_path / "decoder.keras")
    files = dict.fromkeys(["model.keras", "decoder.keras"], {"sha256": "", "bytes": 0})
    (tmp_path / "entry.json").write_text(json.dumps({**shipped.info, "files": files}))
    monkeypatch.setattr(manifest, "damage", lambda *_: None)  # the sums are right
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("was read"))
    with pytest.raises(UserError, match="decoder.keras is refused: to load its 'Lambda'"):
        zoo.load(tmp_path)


def test_an_entry_must_be_a_model_of_tfgen(tmp_path, monkeypatch):
    keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save(tmp_path / "model.keras")
    files = {"model.keras": {"sha256": "", "bytes": 0}}
    info = {**zoo.find("vae_digits").info, "files": files}
    (tmp_path / "entry.json").write_text(json.dumps(info))
    monkeypatch.setattr(manifest, "damage", lambda *_: None)  # the sums are right
    with pytest.raises(UserError, match="its model.keras is a Sequential, no model of tfgen"):
        zoo.load(tmp_path)


def test_layers_of_keras_and_what_was_registered_pass(tmp_path):
    @keras.saving.register_keras_serializable(package="test_safety")
    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    model = keras.Sequential(
        [
            keras.Input([4, 4, 1]),
            keras.layers.Conv2D(2, 3, activation="gelu", kernel_regularizer="l2"),
            keras.layers.LayerNormalization(dtype="mixed_bfloat16"),
            keras.layers.Dropout(0.5),
            keras.layers.TimeDistributed(keras.layers.Dense(3)),
            Mine(),
        ]
    )
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9)))
    model.save(tmp_path / "model.keras")
    safety.check(tmp_path / "model.keras")
