"""Causality, normalisation, and cached equals parallel, for every autoregressive model."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.images import from_levels, to_unit
from tfgen.likelihoods import Bernoulli, Categorical, DiscretizedLogisticMixture, Normal
from tfgen.models import (
    GatedPixelCNN,
    MultiScalePixelRNN,
    PixelCNN,
    PixelCNNPP,
    PixelRNN,
    PixelSNAIL,
)

MODELS = {
    "GatedPixelCNN": lambda shape, likelihood, classes=0: GatedPixelCNN(
        shape, 24, 3, likelihood, classes
    ),
    "PixelCNN": lambda shape, likelihood, classes=0: PixelCNN(shape, 12, 2, likelihood, classes),
    "embedded": lambda shape, likelihood, classes=0: PixelCNN(
        shape, 12, 2, likelihood, classes, embedding_dim=2
    ),
    "multi-scale": lambda shape, likelihood, classes=0: MultiScalePixelRNN(
        (*(2 * math.ceil(size / 2) for size in shape[:2]), shape[2]),  # what a scale of 2 divides
        num_layers=1,
        hidden_channels=24,
        likelihood=likelihood,
        num_classes=classes,
    ),
    "row": lambda shape, likelihood, classes=0: PixelRNN(shape, "row", 12, 2, likelihood, classes),
    "diagonal": lambda shape, likelihood, classes=0: PixelRNN(
        shape, "diagonal", 12, 2, likelihood, classes
    ),
    # As many resolutions, up to three, as the size can be halved.
    "PixelCNNPP": lambda shape, likelihood, classes=0: PixelCNNPP(
        shape, 12, 1, resolutions_of(shape), likelihood=likelihood, num_classes=classes
    ),
    "PixelSNAIL": lambda shape, likelihood, classes=0: PixelSNAIL(
        shape, 12, 2, 1, 4, 6, likelihood=likelihood, num_classes=classes
    ),
}
# Odd, even, non-square, one pixel wide or high; grey and colour; tied channels; conditional.
CASES = [
    ((6, 5, 1), Bernoulli(), 0),
    ((4, 6, 3), Categorical(4), 3),
    ((4, 8, 1), DiscretizedLogisticMixture(17, 2), 2),
    ((5, 2, 3), DiscretizedLogisticMixture(17, 2), 0),
    ((1, 6, 1), Categorical(3), 2),
    ((5, 1, 1), DiscretizedLogisticMixture(5, 2), 0),
]
every_model = pytest.mark.parametrize("name", MODELS)
every_model_and_case = pytest.mark.parametrize(
    ("name", "shape", "likelihood", "classes"),
    [
        pytest.param(name, *case, marks=pytest.mark.exhaustive if 1 in case[0][:2] else [])
        for name in MODELS
        for case in CASES
        if name != "multi-scale" or case[0][0] % 2 == case[0][1] % 2 == 0  # others are made even
    ],
    ids=str,
)


def resolutions_of(shape):
    return next(n for n in (3, 2, 1) if all(size % 2 ** (n - 1) == 0 for size in shape[:2]))


def build(name, *arguments, seed=0):
    """Return a model whose biases and initial states are not zero, or a leak would not show."""
    keras.utils.set_random_seed(seed)
    model = MODELS[name](*arguments)
    rng = np.random.default_rng(seed)
    deep = name == "PixelCNNPP"  # its outputs would be in the hundreds, too large for 1e-4
    for weight in model.weights:
        scale = min(0.2, np.prod(weight.shape[:-1]) ** -0.5) if deep else 0.2
        weight.assign(weight + scale * rng.normal(size=weight.shape))
    return model


def some_levels(model, n, seed=0):
    rng = np.random.default_rng(seed)
    size = [n, *model.image_shape]
    return rng.integers(0, model.likelihood.levels, size).astype(np.int32)


def some_labels(model, n):
    return tf.range(n) % model.num_classes if model.num_classes else None


def precedes(model, source, target):
    """Tell whether pixel and channel `source` (i, j, c) may influence the output at `target`."""
    if source[:2] == target[:2]:
        return model.groups > 1 and source[2] < target[2]

    def turn(i, j, _):
        scale = getattr(model, "scale", 1)  # pixels of the small image come first
        return bool(i % scale or j % scale), i, j

    return turn(*source) < turn(*target)


def influence_on_outputs(model, x, labels=None):
    """Return the Jacobian of the parameters by x, its largest size over the inputs x [n, h, w, c].

    A numpy array [h, w, p, h, w, c]. Each output has copies of the images of its own, so that one
    backward pass of many images finds it all.
    """
    n, *image = x.shape
    outputs = *image[:2], model.likelihood.num_parameters(model.image_shape[-1])
    size = math.prod(outputs)
    copies = tf.Variable(tf.repeat(x, size, axis=0))
    with tf.GradientTape() as tape:
        repeated = None if labels is None else tf.repeat(labels, size)
        parameters = model.parameters(copies, repeated)
    one_a_copy = tf.tile(tf.reshape(tf.eye(size), [size, *outputs]), [n, 1, 1, 1])
    jacobian = tape.gradient(parameters, copies, one_a_copy)
    return np.abs(jacobian).reshape(n, *outputs, *image).max(axis=0)


@every_model_and_case
def test_outputs_depend_on_nothing_but_what_precedes(name, shape, likelihood, classes):
    model = build(name, shape, likelihood, classes)
    # Several images, since in one a ReLU may happen to be off on the only way.
    x = model.as_input(some_levels(model, 4))
    jacobian = influence_on_outputs(model, x, some_labels(model, 4))
    height, width, channels = model.image_shape
    jacobian = jacobian.reshape(*jacobian.shape[:-1], channels, -1).max(axis=-1)
    per_group = jacobian.shape[2] // model.groups
    places = list(itertools.product(range(height), range(width), range(channels)))
    for i, j, group in itertools.product(range(height), range(width), range(model.groups)):
        outputs = jacobian[i, j, group * per_group : (group + 1) * per_group]
        for source in places:
            influence = outputs[(slice(None), *source)].max()
            if not precedes(model, source, (i, j, group)):
                assert influence == 0, f"{source} leaks into {(i, j, group)}"
            elif _immediate(source, (i, j, group), channels):
                assert influence > 0, f"{source} does not reach {(i, j, group)}"


@pytest.mark.parametrize("name", ["GatedPixelCNN", "PixelCNN", "PixelCNNPP", "diagonal"])
def test_blind_spots_are_the_papers(name):
    height, width = (3, 6) if name == "diagonal" else (2, 6)
    model = build(name, (height, width, 1), Bernoulli())
    x = np.random.default_rng(0).normal(size=[32, height, width, 1]).astype(np.float32)
    jacobian = influence_on_outputs(model, x)[:, :, 0, :, :, 0]
    for i, j, k, m in itertools.product(range(height), range(width), repeat=2):
        seen = (k, m) < (i, j)
        if name == "PixelCNN" and k < i:
            seen = m - j <= i - k + 2
        if name == "diagonal" and (k, m) == (i - 1, width - 1):
            seen = m - j <= 3
        assert (jacobian[i, j, k, m] > 0) == seen, (i, j, k, m)


def _immediate(source, target, channels):
    above = source[:2] == (target[0] - 1, target[1])
    left = source[:2] == (target[0], target[1] - 1)
    own = source[:2] == target[:2] and source[2] == target[2] - 1
    return above or left or own


@every_model_and_case
def test_cached_equals_parallel(name, shape, likelihood, classes):
    model = build(name, shape, likelihood, classes)
    levels, labels = some_levels(model, 3), some_labels(model, 3)
    parallel = model.parameters(model.as_input(levels), labels)
    known = tf.ones([3, *model.image_shape[:2]], bool)
    uniforms = model.noise(tf.range(3))
    followed = tf.function(
        lambda u: model.scan(u, labels, given=levels, known=known, with_parameters=True),
        autograph=False,  # takes half of the time of tracing
    )
    kept, cached = followed(uniforms)
    np.testing.assert_array_equal(kept, levels)
    assert np.ptp(parallel) > 0.1
    np.testing.assert_allclose(cached, parallel, atol=1e-4)


@every_model
@pytest.mark.parametrize(
    ("shape", "likelihood"),
    [
        ((2, 2, 1), Bernoulli()),
        ((2, 2, 1), Categorical(3)),
        ((1, 2, 3), Categorical(2)),
        ((2, 1, 3), DiscretizedLogisticMixture(2, 2)),
        ((2, 2, 1), DiscretizedLogisticMixture(3, 2)),
    ],
    ids=str,
)
def test_probabilities_of_all_images_sum_to_one(name, shape, likelihood):
    model = build(name, shape, likelihood)
    _, probabilities = _enumerated(model)
    np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "likelihood", "classes"),
    [
        *((name, (2, 2, 1), Categorical(3), 0) for name in MODELS),
        ("GatedPixelCNN", (1, 2, 3), Categorical(2), 3),
        ("PixelCNNPP", (2, 1, 3), DiscretizedLogisticMixture(2, 2), 3),
    ],
    ids=str,
)
def test_samples_follow_the_enumerated_distribution(name, shape, likelihood, classes):
    model = build(name, shape, likelihood, classes)
    label = 1 if classes else None
    images, probabilities = _enumerated(model, label)
    n = 8192
    drawn = model.sample(n, labels=label, batch_size=n)
    index = {image.tobytes(): k for k, image in enumerate(images)}
    counts = np.bincount([index[image.tobytes()] for image in drawn], minlength=len(images))
    often = n * probabilities >= 5
    # The images that are too rare for the statistic count as one.
    counts, expected = (
        np.append(values[often], values[~often].sum()) for values in (counts, n * probabilities)
    )
    likely = expected >= 5
    counts, expected = counts[likely], expected[likely]
    chi2 = np.sum((counts - expected) ** 2 / expected)
    freedom = len(expected) - 1
    assert freedom > 10 and chi2 < freedom + 5 * np.sqrt(2 * freedom)


def _enumerated(model, label=None):
    every = itertools.product(
        range(model.likelihood.levels), repeat=int(np.prod(model.image_shape))
    )
    levels = np.array(list(every)).reshape(-1, *model.image_shape)
    images = from_levels(levels, model.likelihood.levels).numpy()
    return images, np.exp(np.asarray(model.log_prob(images, label), np.float64))


def test_a_multi_scale_model_takes_other_scales():
    model = MultiScalePixelRNN(
        (3, 3, 1), 3, hidden_channels=8, num_layers=1, likelihood=Bernoulli()
    )
    images, probabilities = _enumerated(model)
    np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-5)
    known = np.arange(9).reshape(3, 3) % 4 == 0
    completed = model.complete(images[:4], known, seeds=np.arange(4)).numpy()
    np.testing.assert_array_equal(completed[:, known], images[:4, known])
    np.testing.assert_array_equal(
        model.complete(images[:4], np.zeros([3, 3], bool), np.arange(4)), model.sample(4)
    )


@pytest.mark.parametrize(
    "name",
    [
        # Those of the largest graphs are met in the test after this one as well.
        pytest.param(name, marks=pytest.mark.exhaustive)
        if name in ("multi-scale", "PixelCNNPP")
        else name
        for name in MODELS
    ],
)
def test_completion_keeps_what_is_known_and_follows_the_rest(name):
    model = build(name, (6, 4, 3), Categorical(4))
    images = from_levels(some_levels(model, 3), 4).numpy()
    known = np.zeros([6, 4], bool)
    known[:3], known[4, 1] = True, True
    completed = model.complete(images, known, seeds=np.arange(3)).numpy()
    np.testing.assert_array_equal(completed[:, known], images[:, known])
    assert np.any(completed[:, ~known] != images[:, ~known])
    # Nothing known is sampling, and everything known changes nothing.
    nothing = model.complete(images, np.zeros([6, 4], bool), seeds=np.arange(3))
    np.testing.assert_array_equal(nothing, model.sample(3))
    every = model.complete(images, np.ones([3, 6, 4], bool), seeds=np.arange(3))
    np.testing.assert_array_equal(every, images)
    # Cold, a pixel has one value, whatever the seed.
    cold = [
        model.complete(images, known, seeds, temperature=1e-9) for seeds in ([0, 1, 2], [7] * 3)
    ]
    np.testing.assert_array_equal(*cold)
    assert np.any(cold[0].numpy() != completed)


@every_model
def test_known_first_rows_are_filled_as_if_they_were_scanned(name):
    model = build(name, (6, 4, 1), Categorical(4))
    images = from_levels(some_levels(model, 3), 4).numpy()
    known = np.zeros([6, 4], bool)
    known[:3], known[4, 2] = True, True
    filled = model.complete(images, known, seeds=np.arange(3))
    scanned = model.scan(
        model.noise(tf.range(3)),
        None,
        given=some_levels(model, 3),
        known=tf.broadcast_to(known, [3, 6, 4]),
    )
    np.testing.assert_array_equal(filled, from_levels(scanned, 4))
    # Where the first known rows end depends on all images of a batch.
    masks = np.stack([known, np.zeros_like(known), known])
    mixed = model.complete(images, masks, seeds=np.arange(3)).numpy()
    np.testing.assert_array_equal(mixed[[0, 2]], filled.numpy()[[0, 2]])


@every_model
def test_pixel_scores_add_up_to_the_log_probability(name):
    model = build(name, (4, 3, 3), DiscretizedLogisticMixture(17, 2))
    images = from_levels(some_levels(model, 2), 17).numpy()
    scores = model.log_prob_map(images).numpy()
    assert scores.shape == images.shape[:3] and scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(axis=(1, 2)), model.log_prob(images), rtol=1e-5)
    # A pixel's score knows nothing of later pixels.
    changed = images.copy()
    changed[:, 3, 1] = 255 - changed[:, 3, 1]
    np.testing.assert_array_equal(model.log_prob_map(changed)[:, :3], scores[:, :3])


@pytest.mark.parametrize(
    "likelihood", [Bernoulli(), Categorical(4), DiscretizedLogisticMixture(17, 3)], ids=str
)
def test_temperature_sharpens_each_pixel(likelihood):
    model = build("PixelCNN", (4, 3, 1), likelihood)
    np.testing.assert_array_equal(model.sample(4, temperature=1.0), model.sample(4))
    cold = model.sample(16, temperature=1e-30)
    np.testing.assert_array_equal(cold, np.repeat(cold[:1], 16, axis=0))
    parameters = model.parameters(to_unit(cold))
    levels = tf.range(likelihood.levels)[:, None, None, None, None]
    scores = tf.stack([likelihood.log_prob(parameters, level) for level in levels])
    if not isinstance(likelihood, DiscretizedLogisticMixture):  # whose mode is not in closed form
        likeliest = from_levels(tf.argmax(scores), likelihood.levels)
        np.testing.assert_array_equal(cold, likeliest)
    scored = [
        float(np.mean(model.log_prob(model.sample(64, temperature=t)))) for t in (0.3, 1.0, 3.0)
    ]
    assert scored[0] > scored[1] > scored[2]
    for wrong in (0, -1.0, math.inf, math.nan, "hot"):
        with pytest.raises(UserError, match=r"temperature must be a number in \(0, inf\)"):
            model.sample(1, temperature=wrong)


def test_cold_a_pixel_of_a_mixture_has_one_value_whatever_the_seed():
    model = build("PixelCNN", (4, 3, 1), DiscretizedLogisticMixture(256, 2))
    # As narrow as a component may be, where a temperature must still narrow it.
    model.output_layer.bias.assign(model.output_layer.bias - [0, 0, 0, 0, 9, 9])
    cold = model.sample(16, temperature=1e-9)
    np.testing.assert_array_equal(cold, np.repeat(cold[:1], 16, axis=0))
    known = np.arange(12).reshape(4, 3) < 4
    np.testing.assert_array_equal(
        model.complete(cold, known, np.arange(50, 66), temperature=1e-9), cold
    )


def test_a_batch_in_threads_is_the_batch(monkeypatch):
    model = build("PixelCNN", (4, 3, 1), Categorical(4), 2)
    labels = np.arange(32) % 2
    sizes = []
    scan = model._compiled_scan
    monkeypatch.setattr(
        model, "_compiled_scan", lambda noise, *rest: sizes.append(len(noise)) or scan(noise, *rest)
    )
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    alone = model.sample(32, labels=labels)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 3}, raising=False)
    np.testing.assert_array_equal(model.sample(32, labels=labels), alone)
    assert sizes == [32, 16, 16]


def test_images_are_completed_in_batches_of_a_few_sizes(monkeypatch):
    model = build("PixelCNN", (4, 3, 1), Categorical(4), 2)
    images, labels = from_levels(some_levels(model, 7), 4).numpy(), np.arange(7) % 2
    masks = np.random.default_rng(1).random([7, 4, 3]) < 0.5
    sizes = []
    fill = model._compiled_fill
    monkeypatch.setattr(
        model, "_compiled_fill", lambda noise, *rest: sizes.append(len(noise)) or fill(noise, *rest)
    )
    whole = model.complete(images, masks, np.arange(7), labels)
    parts = model.complete(images, masks, np.arange(7), labels, batch_size=4)
    np.testing.assert_array_equal(parts, whole)
    assert sizes == [8, 4, 4]


@pytest.mark.parametrize(
    ("model", "argument"),
    [
        (PixelCNN, "num_blocks"),
        (GatedPixelCNN, "num_layers"),
        (PixelRNN, "num_layers"),
        (PixelCNNPP, "num_blocks"),
        (PixelSNAIL, "num_residual"),
        (PixelSNAIL, "hidden_channels"),
    ],
)
def test_a_network_without_layers_is_refused(model, argument):
    with pytest.raises(UserError, match=f"{argument} must be an integer of at least 1, but is 0"):
        model((4, 4, 1), **{argument: 0})


def test_seeds_that_are_no_int32_are_refused():
    model = MODELS["PixelCNN"]((2, 2, 1), Bernoulli())
    with pytest.raises(UserError, match=r"seeds must lie in .*, but reach from 2147483640 to 2147"):
        model.sample(32, seed=2**31 - 8)
    with pytest.raises(UserError, match="seeds must be integers"):
        model.noise([0.5])
    images = np.zeros([1, 2, 2, 1], np.uint8)
    with pytest.raises(UserError, match="seeds must lie in"):
        model.complete(images, np.ones([2, 2], bool), np.array([2**32]))


def test_noise_of_another_shape_is_refused():
    model = build("PixelCNN", (4, 3, 1), Categorical(4))
    noise = model.noise(tf.range(3)).numpy()
    larger = np.pad(noise, [(0, 0), (0, 3), (0, 2), (0, 0)])
    for wrong in (noise[:, :3], larger, noise[0]):
        with pytest.raises(UserError, match=r"noise must be floats of shape \[batch, 4, 3, 1\]"):
            model.generate(wrong)
    with pytest.raises(UserError, match=r"but is int32 of shape \(3, 4, 3, 1\)"):
        model.generate(noise.astype(np.int32))
    expected = model.generate(noise)
    np.testing.assert_array_equal(model.generate(noise.astype(np.float64)), expected)
    # In a graph the batch size may be unknown.
    spec = tf.TensorSpec([None, 4, 3, 1])
    np.testing.assert_array_equal(tf.function(model.generate, [spec])(noise), expected)


def test_wrong_masks_and_likelihoods_are_refused():
    model = MODELS["PixelCNN"]((5, 4, 1), Bernoulli())
    images = np.zeros([2, 5, 4, 1], np.uint8)
    with pytest.raises(UserError, match="known_mask must be bool"):
        model.complete(images, np.ones([5, 4]), seeds=[0, 1])
    with pytest.raises(UserError, match="known_mask must be bool of shape"):
        model.complete(images, np.ones([4, 4], bool), seeds=[0, 1])
    with pytest.raises(UserError, match="one for each image"):
        model.complete(images, np.ones([5, 4], bool), seeds=[0])
    with pytest.raises(UserError, match="off the model's grid"):
        model.log_prob(images + 9)
    with pytest.raises(UserError, match="is a density"):
        PixelCNN((5, 4, 1), likelihood=Normal())
    with pytest.raises(UserError, match="multiple of 3"):
        PixelCNN((5, 4, 3), hidden_channels=16)
    with pytest.raises(UserError, match="6x5 pixels cannot be split by a scale of 2"):
        MultiScalePixelRNN((6, 5, 1))
    with pytest.raises(UserError, match="variant must be one of row, diagonal"):
        PixelRNN((5, 4, 1), variant="spiral")
