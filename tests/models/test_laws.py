"""The laws that every registered model keeps; a new model joins by an entry in examples.py."""

import functools
import io
import json
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from examples import EXAMPLES

from tfgen.errors import UserError
from tfgen.images import grid
from tfgen.models import REGISTRY, VQVAE, PixelRNN
from tfgen.models.autoregressive import AutoregressiveModel
from tfgen.models.base import TractableModel
from tfgen.models.latent import LatentModel
from tfgen.models.variational import VariationalModel
from tfgen.optimizers import FusedAdam

CASES = [(name, case) for name, cases in EXAMPLES.items() for case in cases]
# What has loops of small operations, which XLA compiles; of the others it compiles nothing.
UNDER_XLA = [
    (name, case)
    for name, case in CASES
    if issubclass(REGISTRY[name], AutoregressiveModel | VQVAE)
    or (issubclass(REGISTRY[name], VariationalModel) and "network" not in EXAMPLES[name][case])
]


# For a step or two, a graph takes longer to build than to do without; of each family one is built.
IN_GRAPHS = ("Autoencoder", "VAE", "GAN", "PixelCNN")
# Those steps are shared by a family, but for what has a state of its own (averages of batches, a
# codebook) or draws noise in its layers.
REPLICATED = (*IN_GRAPHS, "DCGAN", "VQVAE", "PixelSNAIL")
# Each entry of the zoo is served too, so that one of a family has to do for what is exported now.
EXPORTED = (*IN_GRAPHS, "VQVAE")
SIMPLE = set(REGISTRY) - {"MultiScalePixelRNN", "PixelCNNPP"}  # whose graphs are the largest


def each_of(cases, usual=REGISTRY):
    """Every case; only the last ones of the `usual` classes are not exhaustive."""
    last = set(dict(cases).items())
    rows = [
        pytest.param(
            *case,
            id=": ".join(case),
            marks=[] if case in last and case[0] in usual else pytest.mark.exhaustive,
        )
        for case in cases
    ]
    # The scope lets pytest run all laws of one model, then those of the next.
    return pytest.mark.parametrize(("name", "case"), rows, scope="module")


every_model = each_of(CASES)


def build(name, case, seed=1):
    keras.utils.set_random_seed(seed)
    arguments = EXAMPLES[name][case].items()
    return REGISTRY[name](
        **{key: value() if callable(value) else value for key, value in arguments}
    )


def levels_of(model):
    return getattr(getattr(model, "likelihood", None), "levels", 256)


def images_for(model, n, seed=0):
    """Blotches rather than white noise, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    levels = levels_of(model)
    height, width, channels = model.image_shape
    ramp = np.linspace(0, 1, height)[:, None, None] * np.ones([1, width, channels])
    values = np.clip(ramp + 0.2 * rng.normal(size=[n, height, width, channels]), 0, 1)
    return grid(levels)[np.round(values * (levels - 1)).astype(int)]


def labels_for(model, n):
    return np.arange(n, dtype=np.int32) % model.num_classes if model.num_classes else None


def data_for(model, n, seed=0):
    labels = np.zeros([n], np.int32) if not model.num_classes else labels_for(model, n)
    return images_for(model, n, seed), labels


def ready(name, case):
    """A compiled model whose sampling needs no further training."""
    model = build(name, case)
    images, _ = data_for(model, 32)
    model.adapt(images)
    model.finish(images)
    model.compile(FusedAdam(1e-2))  # traces faster than Keras's
    return model


@functools.lru_cache(1)
def shared(name, case):
    """A model after some training, whose samplers and training step are compiled once.

    For laws that hold whatever its weights, which they may train further.
    """
    model = ready(name, case)
    model.compile(descent())
    return train(model, 2)


def descent():
    """An optimizer with slots, without Adam's way to turn rounding into whole steps, and without
    clipping, which would hide a wrong scale of the gradients."""
    return keras.optimizers.SGD(1e-5, momentum=0.9)


def train(model, steps, steps_per_execution=1, change=lambda *rows: rows):
    model.steps_per_execution = steps_per_execution
    rows = change(*data_for(model, 32))
    data = tf.data.Dataset.from_tensor_slices(rows).repeat().batch(16, drop_remainder=True)
    model.fit(data, steps_per_epoch=steps, verbose=0, shuffle=False)
    return model


def take_state(model, other):
    """Give a model the weights of another one and the state of that one's optimizers."""
    model.build_optimizers()
    for mine, its in zip(variables_of(model), variables_of(other), strict=True):
        mine.assign(its.numpy())


def weights_of(model):
    return [variable.numpy() for variable in variables_of(model)]


def variables_of(model):
    optimizers = [getattr(model, name) for name in model.optimizer_names]
    return [*model.weights, *(v for opt in optimizers for v in opt.variables)]


def assert_same(first, second, **tolerance):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, **{"rtol": 0, "atol": 0, **tolerance})


def test_every_registered_model_has_examples():
    assert set(EXAMPLES) == set(REGISTRY)


@every_model
def test_config_rebuilds_the_model(name, case):
    model = build(name, case)
    config = json.loads(json.dumps(model.get_config()))
    again = type(model).from_config(config)
    assert again.get_config() == model.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


@every_model
def test_samples_are_images_that_depend_on_their_seed_alone(name, case):
    model = shared(name, case)
    labels = labels_for(model, 4)
    together = model.sample(4, seed=7, labels=labels)
    assert together.dtype == np.uint8 and together.shape == (4, *model.image_shape)
    if isinstance(model, TractableModel):
        assert set(np.unique(together)) <= set(grid(levels_of(model)))
    one_by_one = model.sample(4, seed=7, labels=labels, batch_size=1)
    np.testing.assert_array_equal(together, one_by_one)
    label = None if labels is None else labels[3:4]
    np.testing.assert_array_equal(together[3:4], model.sample(1, seed=10, labels=label))
    assert np.any(together != model.sample(4, seed=99, labels=labels))


@each_of(UNDER_XLA, ("VAE", "PixelCNN", "PixelRNN"))
def test_xla_computes_what_a_graph_does(name, case, monkeypatch):
    plain = shared(name, case)
    monkeypatch.setenv("TFGEN_XLA", "1")
    model = build(name, case)
    model.compile(descent())
    take_state(model, plain)
    images, labels = data_for(model, 4)
    labels = labels if model.num_classes else None
    both = model, plain
    if not isinstance(model, VariationalModel):
        np.testing.assert_array_equal(*(each.sample(4, labels=labels) for each in both))
    if isinstance(model, VariationalModel):
        scores = [each.log_prob_bound(images, np.arange(4), 5, labels) for each in both]
    elif type(model) is PixelRNN:
        scores = [each.log_prob(images, labels) for each in both]
        known = np.zeros(model.image_shape[:2], bool)
        known[:2] = True
        completed = [each.complete(images, known, np.arange(4), labels) for each in both]
        np.testing.assert_array_equal(*completed)
    else:
        return  # of the others, only what draws is compiled
    np.testing.assert_allclose(*scores, rtol=1e-5)
    for each in both:
        train(each, 1)
    assert_same(model.get_weights(), plain.get_weights(), rtol=1e-6, atol=1e-7)


@every_model
def test_training_changes_all_weights_and_raises_a_likelihood(name, case):
    model = ready(name, case)
    images, labels = data_for(model, 32)
    before = model.evaluate(images, labels, verbose=0, return_dict=True)
    weights = [w.numpy() for w in model.trainable_weights]
    train(model, 2)
    after = model.evaluate(images, labels, verbose=0, return_dict=True)
    assert all(np.isfinite(value) for value in after.values())
    assert all(before[key] != after[key] for key in before)
    still = [
        w.path for w, old in zip(model.trainable_weights, weights, strict=True) if np.all(w == old)
    ]
    assert not still
    if "loss" in before:  # a game has none that falls
        train(model, 30)
        after = model.evaluate(images, labels, verbose=0, return_dict=True)
        assert after["loss"] < before["loss"]


@every_model
def test_losses_are_per_image_whatever_the_batch(name, case):
    model = shared(name, case)
    images, labels = _batch(model, 4)
    fixed = _FixedNoise(4)
    together = model.losses(images, labels, fixed, training=False)
    for key, values in together.items():
        assert values.shape == (4,) and values.dtype == tf.float32
        for row in range(4):
            label = None if labels is None else labels[row : row + 1]
            alone = model.losses(images[row : row + 1], label, _FixedNoise(4, row), training=False)
            np.testing.assert_allclose(alone[key][0], values[row], rtol=1e-4, atol=1e-4)


@every_model
def test_reloaded_equals_saved(name, case, tmp_path):
    model = shared(name, case)
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.models.load_model(path)
    assert type(again) is type(model)
    assert_same(weights_of(again), weights_of(model))
    labels = labels_for(model, 4)
    np.testing.assert_array_equal(again.sample(4, labels=labels), model.sample(4, labels=labels))
    # The optimizers came along: the next step is the same step.
    train(model, 1)
    again.run_eagerly = name not in IN_GRAPHS
    train(again, 1)
    assert_same(weights_of(again), weights_of(model), rtol=1e-5, atol=1e-6)


def test_reloaded_in_a_fresh_process_equals_saved(tmp_path):
    """Weights and optimizers; steps and samples follow from them, as other laws show."""
    expected = {}
    rng = np.random.default_rng(0)
    for name, cases in EXAMPLES.items():
        case = list(cases)[-1]  # one of each class, since a process loads one like another
        model = ready(name, case)
        model.compile("adam")  # the fused one is not for files
        model.build_optimizers()
        for optimizer in model.optimizer_names:
            for slot in getattr(model, optimizer).variables:
                slot.assign(rng.integers(1, 9, slot.shape))
        stem = f"{name}-{case}".replace(" ", "-")
        model.save(tmp_path / f"{stem}.keras")
        expected[stem] = [float(np.sum(np.abs(value))) for value in weights_of(model)]
    script = """
import sys, json, pathlib, numpy as np, tfgen, keras
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
    model = keras.models.load_model(path)
    slots = [v.numpy() for o in model.optimizer_names for v in getattr(model, o).variables]
    values = [*model.get_weights(), *slots]
    print(json.dumps([path.stem, [float(np.sum(np.abs(value))) for value in values]]))
"""
    run = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found = dict(json.loads(line) for line in run.stdout.splitlines() if line.startswith("["))
    assert found == expected and len(found) == len(EXAMPLES)


@each_of(CASES, EXPORTED)
def test_exported_equals_model(name, case, tmp_path, monkeypatch):
    from tfgen.export.saved_model import export
    from tfgen.models import autoregressive

    # As on a server without XLA, whose compiled scans are the model's own.
    monkeypatch.setattr(
        autoregressive,
        "portable",
        lambda function, signature: tf.function(function, signature, autograph=False),
    )
    model = shared(name, case)
    export(model, tmp_path)
    # TensorFlow warns who loads a graph that names a gradient which it lacks.
    assert b"_gradient_op_type" not in (tmp_path / "1" / "saved_model.pb").read_bytes()
    served = tf.saved_model.load(str(tmp_path / "1")).signatures
    families = {
        TractableModel: {"log_prob", "complete"},
        LatentModel: {"encode", "decode", "reconstruct"},
    }
    expected = [{"sample"}, *(ends for kind, ends in families.items() if isinstance(model, kind))]
    assert set.union(*expected) <= set(served)
    known = np.zeros([4, *model.image_shape[:2]], bool)
    known[:, :2] = True
    given = {"images": images_for(model, 4), "known_mask": known}
    given |= {"seeds": np.arange(4, dtype=np.int32), "labels": labels_for(model, 4)}
    if isinstance(model, LatentModel):
        given["latents"] = keras.random.normal([4, model.latent_dim], seed=0)
    for endpoint, function in served.items():
        if endpoint == "serving_default":
            continue  # another name of `sample`
        names = function.structured_input_signature[1]
        inputs = {key: tf.constant(given[key]) for key in names}
        if endpoint in ("sample", "sample_png"):
            expected = model.generate(model.noise(given["seeds"]), given["labels"])
            same = np.testing.assert_array_equal
        else:
            expected = getattr(model, endpoint)(**inputs)
            same = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
        for n in (1, 4):
            (found,) = function(**{key: value[:n] for key, value in inputs.items()}).values()
            if endpoint == "sample_png":
                found = [tf.io.decode_png(file) for file in found]
            same(found, expected[:n])
        if endpoint == "complete":
            every = {**inputs, "known_mask": tf.ones_like(inputs["known_mask"])}
            (whole,) = function(**every).values()
            np.testing.assert_array_equal(whole, given["images"])
        if model.num_classes:
            inputs["labels"] = tf.range(4) + model.num_classes
            with pytest.raises(tf.errors.InvalidArgumentError, match="the classes 0..2"):
                function(**inputs)
    for name, network in model.plain_networks().items():
        network.save(tmp_path / f"{name}.keras")
        again = keras.models.load_model(tmp_path / f"{name}.keras")
        latents = tf.random.stateless_normal([4, model.latent_dim], [0, 1])
        labels = given["labels"] if len(again.inputs) == 2 else None
        pixels = again(latents if labels is None else [latents, tf.constant(labels)])
        assert pixels.shape == (4, *model.image_shape) and np.ptp(pixels) > 0


@every_model
def test_no_weight_lies_in_nested_lists(name, case, tmp_path):
    # Keras before 3.13, which Python 3.10 gets, saves and loads nothing that does.
    build(name, case).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        stored = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        paths = []
        stored.visit(paths.append)
    assert paths and not [path for path in paths if "container" in path]


@each_of(CASES, REPLICATED)
def test_two_replicas_equal_one(name, case, two_replicas):
    one = shared(name, case)
    with two_replicas.scope():
        two = build(name, case)
        two.compile(descent())
    # Random weights: a prior of training images has pixels at their bounds, where rounding decides
    # whether the gradient passes.
    start = two.get_weights()
    one.set_weights(start)
    take_state(two, one)
    train(one, 20)
    train(two, 20, steps_per_execution=2)
    assert_same(two.get_weights(), one.get_weights(), atol=2e-6)
    assert any(np.any(a != b) for a, b in zip(one.get_weights(), start, strict=True))


@each_of(CASES, SIMPLE)
def test_half_precision_keeps_scores_in_float32(name, case):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = ready(name, case)
        losses = model.losses(*_batch(model), _noise(), training=False)
        model.run_eagerly = name not in IN_GRAPHS
        train(model, 2)
    finally:
        keras.config.set_dtype_policy(before)
    assert all(value.dtype == tf.float32 for value in losses.values())
    assert all(weight.dtype == "float32" for weight in model.trainable_weights)
    assert model.sample(2, labels=labels_for(model, 2)).dtype == np.uint8
    if hasattr(model, "generator"):  # 256 levels are more than half precision tells apart
        assert model.generator.outputs[0].dtype == "float32"
    assert type(model).from_config(model.get_config()).dtype_policy.name == "mixed_bfloat16"


@every_model
def test_wrong_input_is_refused_in_one_sentence(name, case):
    model = shared(name, case)
    with pytest.raises(UserError, match="must be an integer of at least 1"):
        model.sample(0)
    with pytest.raises(UserError, match="labels|unconditional"):
        model.sample(2, labels=None if model.num_classes else [0, 1])
    images, labels = data_for(model, 4)
    for score in ("log_prob", "encode", "reconstruct"):
        if hasattr(model, score):
            labels_given = labels if model.num_classes else None
            with pytest.raises(UserError, match="images must be uint8"):
                getattr(model, score)(images.astype(np.float32), labels_given)
            with pytest.raises(UserError, match="shape"):
                getattr(model, score)(images[:, :-1], labels_given)
    with pytest.raises(UserError, match="images must be uint8"):
        model.fit(images.astype(np.float32), labels, verbose=0)
    if model.num_classes:
        with pytest.raises(UserError, match="^a label is not one of the classes 0..2.$"):
            train(model, 1, change=lambda images, labels: (images, labels + 1))
    if levels_of(model) < 256:
        for score in ("log_prob", "encode", "reconstruct", "posterior"):
            if hasattr(model, score):
                with pytest.raises(UserError, match="^the images hold pixel values off the model"):
                    getattr(model, score)(images | 7, labels if model.num_classes else None)
        with pytest.raises(UserError, match="^the images hold pixel values off the model's"):
            train(model, 1, change=lambda images, labels: (images | 7, labels))
    with pytest.raises(UserError, match="bring their own loss"):
        model.compile("adam", loss="mse")
    for call in (model, model.predict):
        with pytest.raises(UserError, match="is not called on images; call one of .* sample"):
            call(images)


def _batch(model, n=4):
    images, labels = data_for(model, n)
    return tf.constant(images), None if not model.num_classes else tf.constant(labels)


def _noise():
    from tfgen.sampling.noise import StepNoise

    return StepNoise(0, 0)


class _FixedNoise:
    """Row k of each draw is the same in every batch that holds it: the global batch's row k."""

    def __init__(self, rows, row=None):
        self._rng = np.random.default_rng(0)
        self._rows, self._row = rows, row

    def normal(self, shape):
        draws = self._rng.normal(size=[self._rows, *shape[1:]]).astype(np.float32)
        return tf.constant(draws if self._row is None else draws[self._row : self._row + 1])

    uniform = normal
