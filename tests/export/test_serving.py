"""The contract of exported entries with TF Serving, and the mistakes of who exports."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgen import cli, zoo
from tfgen.errors import UserError
from tfgen.export import saved_model, serving
from tfgen.images import grid
from tfgen.likelihoods import Categorical
from tfgen.models import GAN, VAE, VQVAE, Autoencoder, HierarchicalVAE, PixelCNN

SHAPE, LEVELS, ROWS = (6, 5, 1), 4, 64
# Of each family of signatures a small model, and the entry whose folder it pretends to be.
MODELS = {
    "PixelCNN": (
        "pixelcnn_digits_conditional",
        lambda: PixelCNN(SHAPE, 4, 1, Categorical(LEVELS), 3),
    ),
    "Autoencoder": ("autoencoder_digits", lambda: Autoencoder(SHAPE, 3, (8,))),
    "VAE": ("vae_digits", lambda: VAE(SHAPE, 3, (8,), likelihood=Categorical(LEVELS))),
    "HierarchicalVAE": (
        "vae_digits_conditional",
        lambda: HierarchicalVAE(
            SHAPE, (3, 2), ((8,), (5,)), likelihood=Categorical(LEVELS), num_classes=3
        ),
    ),
    "VQVAE": (
        "vqvae_digits",
        lambda: VQVAE(
            SHAPE, 2, 4, (4, 6), likelihood=Categorical(LEVELS), prior_channels=4, prior_blocks=1
        ),
    ),
    "GAN": ("gan_digits_conditional", lambda: GAN(SHAPE, 3, (8,), (8,), num_classes=3)),
}


def entry_of(model, like, folder):
    """Write the folder of an entry that holds `model`; return the model."""
    folder.mkdir()
    images = _images(model, ROWS)
    model.adapt(images)
    model.finish(images)
    model.compile("adam")
    model.save(folder / "model.keras")
    content = (folder / "model.keras").read_bytes()
    file = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    shape, num_classes = list(model.image_shape), model.num_classes
    info = {**zoo.find(like).info, "files": {"model.keras": file}, "image_shape": shape}
    classes = {"num_classes": num_classes, "class_names": ["cat", "dog", "owl"][:num_classes]}
    (folder / "entry.json").write_text(json.dumps({**info, **classes}))
    return model


# A VQ-VAE's scan is a PixelCNN's and its latents are a VAE's, as those of a ladder are.
LIKE_OTHERS = ("VQVAE", "HierarchicalVAE")


@pytest.mark.parametrize(
    ("like", "make"),
    [
        pytest.param(*model, id=name, marks=pytest.mark.exhaustive if name in LIKE_OTHERS else [])
        for name, model in MODELS.items()
    ],
)
def test_an_exported_entry_keeps_its_contract(like, make, tmp_path, monkeypatch, capsys):
    pytest.importorskip("tensorflow_serving", reason="needs pip install 'tfgen[serving]'")
    from google.protobuf import text_format
    from model_server import ModelServer
    from tensorflow_serving.config import model_server_config_pb2

    name, out = "mine", tmp_path / "served"
    model = entry_of(make(), like, tmp_path / name)
    assert cli.main(["export", str(tmp_path / name), "--out", str(out)]) == 0
    assert f"{out}/{name}/1\n" in capsys.readouterr().out
    assert sorted(os.listdir(out)) == sorted(["models.config", name])
    assert sorted(os.listdir(out / name)) == ["1", "serving.md"]
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((out / "models.config").read_text(), config)
    (served,) = config.model_config_list.config
    assert (served.name, served.base_path) == (name, f"/models/{name}")

    path = out / name / "1"
    server = ModelServer(path, name)
    examples = {}  # endpoint -> (inputs, outputs) of the Keras model
    for endpoint, signature in server.signatures.items():
        if endpoint != "serving_default":
            inputs = _inputs(signature, model)
            examples[endpoint] = inputs, _outputs(endpoint, inputs, model)

    warm_up_fits(server, path, examples)
    equals_keras(server.functions, examples)
    saved_model_cli_runs(path, examples, tmp_path)
    bare_process_without_xla_runs(path, examples, tmp_path)
    json_survives(server, examples)
    guide = (out / name / "serving.md").read_text()
    assert ("`labels` are numbers of classes: 0 cat, 1 dog" in guide) == bool(model.num_classes)
    guide_runs(server, guide, examples, monkeypatch, tmp_path)


def warm_up_fits(server, path, examples):
    """The requests fit their signatures, and there are some for each."""
    from tensorflow_serving.apis import prediction_log_pb2

    asked = set()
    for record in tf.data.TFRecordDataset(str(path / serving.WARM_UP_FILE)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        asked.add(request.model_spec.signature_name)
        server.predict(request)
    assert asked == set(examples)


def equals_keras(signatures, examples):
    for endpoint, (inputs, outputs) in examples.items():
        for n in (1, 3, ROWS):
            found = signatures[endpoint](**{key: tf.constant(x[:n]) for key, x in inputs.items()})
            _assert_same(found, outputs, n)


def saved_model_cli_runs(path, examples, tmp_path):
    from tensorflow.python.tools import saved_model_cli

    for endpoint, (inputs, outputs) in examples.items():
        np.savez(tmp_path / "inputs.npz", **{key: x[:3] for key, x in inputs.items()})
        named = ";".join(f"{key}={tmp_path}/inputs.npz[{key}]" for key in inputs)
        feed = saved_model_cli.load_inputs_from_input_arg_string(named, "", "")
        out = str(tmp_path / endpoint)
        saved_model_cli.run_saved_model_with_feed_dict(
            str(path), "serve", endpoint, feed, out, False
        )
        found = {key: np.load(f"{out}/{key}.npy", allow_pickle=True) for key in outputs}
        _assert_same(found, outputs, 3)


BARE = """
import ctypes, glob, os, sys

for name in ("tfgen", "tfgen_zoo", "keras", "tf_keras", "tensorflow_probability"):
    sys.modules[name] = None  # to import it fails

import numpy as np
import tensorflow as tf

# What TF Serving does unless it is started with --xla_cpu_compilation_enabled.
(library,) = glob.glob(os.path.join(os.path.dirname(tf.__file__), "libtensorflow_cc.*"))
ctypes.CDLL(library)._ZN10tensorflow21DisableXlaCompilationEv()
try:
    tf.function(lambda x: x + 1, jit_compile=True)(1)
    sys.exit("XLA compiles")
except tf.errors.InternalError:
    pass
path, inputs, outputs = sys.argv[1:]
inputs = np.load(inputs)
found = {}
for endpoint, function in tf.saved_model.load(path).signatures.items():
    if endpoint != "serving_default":
        given = function.structured_input_signature[1]
        given = {key: tf.constant(inputs[f"{endpoint}/{key}"]) for key in given}
        for key, value in function(**given).items():
            found[f"{endpoint}/{key}"] = value.numpy()
np.savez(outputs, **found)
"""


def bare_process_without_xla_runs(path, examples, tmp_path):
    """It runs with neither tfgen nor Keras nor TFP, and where XLA refuses to compile."""
    given, left = tmp_path / "given.npz", tmp_path / "left.npz"
    inputs = {
        f"{e}/{key}": x[:3] for e, (inputs, _) in examples.items() for key, x in inputs.items()
    }
    np.savez(given, **inputs)
    done = subprocess.run(
        [sys.executable, "-c", BARE, path, given, left], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    left = np.load(left, allow_pickle=True)
    for endpoint, (_, outputs) in examples.items():
        _assert_same({key: left[f"{endpoint}/{key}"] for key in outputs}, outputs, 3)


def json_survives(server, examples):
    """Requests as rows and as columns carry the same, and answers come back whole."""
    for endpoint, (inputs, outputs) in examples.items():
        columns = {key: x[:3].tolist() for key, x in inputs.items()}
        rows = [{key: column[k] for key, column in columns.items()} for k in range(3)]
        bodies = [{"inputs": columns}, {"instances": rows}]
        if len(columns) == 1:
            bodies += [{"inputs": next(iter(columns.values()))}]
            bodies += [{"instances": next(iter(columns.values()))}]
        answers = []
        for body in bodies:
            text = server.predict_json(json.dumps({"signature_name": endpoint, **body}))
            (answer,) = json.loads(text).values()
            answers.append(answer)
        assert all(answer == answers[0] for answer in answers)
        ((key, expected),) = outputs.items()
        if key.endswith("_bytes"):
            answer = [base64.b64decode(row["b64"]) for row in answers[0]]
            _assert_same({key: answer}, outputs, 3)
        else:
            _assert_same({key: np.array(answers[0], expected.dtype)}, outputs, 3)


def guide_runs(server, text, examples, monkeypatch, tmp_path):
    """The examples of serving.md run as they stand and get what the Keras model gives."""
    monkeypatch.chdir(tmp_path)
    (body,) = re.findall(r"curl -d '(.*?)'", text)
    images = examples["sample"][1]["images"]
    assert json.loads(server.predict_json(body)) == {"predictions": [images[0].tolist()]}
    with server.listening() as (rest, rpc):
        text = text.replace("localhost:8501", f"localhost:{rest}")
        text = text.replace("localhost:8500", f"localhost:{rpc}")
        for snippet in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
            names = {}
            exec(compile(snippet, "serving.md", "exec"), names)
            assert all(len(names[endpoint]) == 2 for endpoint in examples)
            np.testing.assert_array_equal(names["sample"], images[:2])
            png = np.asarray(Image.open("image.png")).reshape(images[0].shape)
            np.testing.assert_array_equal(png, images[0])
            os.remove("image.png")


def _images(model, n):
    """Return random images of the model's levels, numpy [n, h, w, c]."""
    levels = getattr(getattr(model, "likelihood", None), "levels", 256)
    return np.random.default_rng(0).choice(grid(levels), [n, *model.image_shape])


def _inputs(signature, model):
    """Return name -> numpy array [ROWS, ...]; seeds and labels count from 0."""
    rng = np.random.default_rng(0)
    specs = {
        key: tf.TensorSpec(info.tensor_shape, tf.as_dtype(info.dtype))
        for key, info in signature.inputs.items()
    }
    inputs = serving.example_inputs(specs, ROWS, model.num_classes)
    if "images" in inputs:
        inputs["images"] = _images(model, ROWS)
    if "latents" in inputs:
        inputs["latents"] = rng.normal(size=inputs["latents"].shape).astype(np.float32)
    return inputs


def _outputs(endpoint, inputs, model):
    """Return name -> numpy array [ROWS, ...], by the Keras model."""
    if endpoint in ("sample", "sample_png"):
        images = model.sample(ROWS, labels=inputs.get("labels"))
        return {"images": images} if endpoint == "sample" else {"image_bytes": images}
    value = np.asarray(getattr(model, endpoint)(**inputs))
    names = {"encode": "latents", "log_prob": "log_prob", "elbo": "elbo"}
    return {names.get(endpoint, "images"): value}


def _assert_same(found, outputs, n):
    assert set(found) == set(outputs)
    for key, expected in outputs.items():
        value = np.asarray(found[key])
        if key == "image_bytes":  # compared as images
            pixels = [np.asarray(Image.open(io.BytesIO(file))) for file in value.tolist()]
            value = np.stack(pixels).reshape(expected[:n].shape)
        assert value.shape == expected[:n].shape
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(value, expected[:n], rtol=1e-4, atol=1e-4)
        else:
            np.testing.assert_array_equal(value, expected[:n])


@pytest.fixture(scope="module")
def tiny():
    """The signatures of a small conditional model."""
    with tempfile.TemporaryDirectory() as folder:
        saved_model.export(
            GAN((4, 4, 1), latent_dim=2, generator_hidden=(4,), num_classes=3), folder
        )
        yield tf.saved_model.load(f"{folder}/1").signatures


def test_an_endpoint_tells_a_mistake_in_a_sentence(tiny):
    seeds = tf.range(3)
    for labels, sentence in [
        ([0, 1, 3], "a label is not one of the classes 0..2."),
        ([0, -1, 1], "a label is not one of the classes 0..2."),
        ([0, 1], "seeds, labels must have as many rows each."),
    ]:
        for endpoint in ("sample", "sample_png"):
            with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(sentence)):
                tiny[endpoint](seeds=seeds, labels=tf.constant(labels))


def test_no_rows_are_a_batch_too(tiny):
    nothing = tf.zeros([0], tf.int32)
    assert tiny["sample"](seeds=nothing, labels=nothing)["images"].shape == (0, 4, 4, 1)


def test_only_the_weights_that_serve_are_exported(tmp_path):
    model = GAN((4, 4, 1), 2, (4,), (4,), "convolutional")
    path = saved_model.export(model, tmp_path)
    stored = dict(tf.train.list_variables(str(path / "variables" / "variables")))
    sizes = sorted(np.prod(shape, dtype=int) for shape in stored.values() if shape)
    # Batch normalisation's moments serve too. The checkpoint's own entry is the scalar.
    assert sizes == sorted(w.size for w in model.averaged_generator.get_weights())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["vae_digits", "--all"], "either ENTRY or --all"),
        ([], "either ENTRY or --all"),
        (["vae_digits", "--version=0"], "--version needs a positive integer, but got '0'"),
        (["vae_digits"], "never overwritten; the next one is --version 4."),
        (["./a name"], "cannot be the name of a served model"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    words, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a name").mkdir()
    shutil.copy(zoo.find("vae_digits").path / "entry.json", "a name")
    for version in ("1", "3"):
        (tmp_path / "out" / "vae_digits" / version).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["export", *words, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_an_interrupted_export_of_several_goes_on(tmp_path):
    for name in ("first", "second"):
        entry_of(GAN((4, 4, 1), 2, (4,), (4,)), "gan_digits", tmp_path / name)
    entries = [zoo.find(str(tmp_path / name)) for name in ("first", "second")]
    out = tmp_path / "out"
    next(serving.export_entries(entries, out))
    before = (out / "first" / "1").stat().st_mtime_ns
    (out / "second" / ".1.abcdefgh.tfgen").mkdir(parents=True)  # as a killed export leaves it
    assert list(serving.export_entries(entries, out)) == [out / "second" / "1"]
    assert (out / "first" / "1").stat().st_mtime_ns == before
    assert sorted(os.listdir(out / "second")) == ["1", "serving.md"]
    assert list(serving.export_entries([], out)) == []
    with pytest.raises(UserError, match="the next one is --version 2"):
        serving.export_entries(entries, out)


def test_a_full_disk_at_the_warm_up_requests_is_told(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_serving", reason="needs pip install 'tfgen[serving]'")

    def full(path):
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}; No space left on device")

    entry_of(GAN((4, 4, 1), 2, (4,), (4,)), "gan_digits", tmp_path / "mine")
    monkeypatch.setattr(tf.io, "TFRecordWriter", full)
    with pytest.raises(UserError, match="out/mine/1 cannot be written: No space left on device"):
        list(serving.export_entries([zoo.find(str(tmp_path / "mine"))], tmp_path / "out"))
    assert not list((tmp_path / "out").rglob("*"))


def test_a_version_is_there_once_its_guide_is(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    entry_of(GAN((4, 4, 1), 2, (4,), (4,)), "gan_digits", tmp_path / "mine")
    entries, out = [zoo.find(str(tmp_path / "mine"))], tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(serving.serving_guide, "guide", killed)
        with pytest.raises(KeyboardInterrupt):
            list(serving.export_entries(entries, out))
    assert not list(out.rglob("saved_model.pb"))
    (version,) = serving.export_entries(entries, out)
    assert (version.parent / "serving.md").exists()
    assert '"mine"' in (out / "models.config").read_text()


def test_a_folder_has_its_name_wherever_one_stands(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    shutil.copy(zoo.find("vae_digits").path / "entry.json", tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    assert zoo.find(".").name == "mine"
