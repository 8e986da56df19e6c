"""The codebook follows its formulas, gradients go where they should, and the bound is one."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.images import from_levels, grid, to_levels, to_unit
from tfgen.layers.quantizer import VectorQuantizer
from tfgen.likelihoods import Bernoulli
from tfgen.models import VQVAE, PixelCNN
from tfgen.sampling.noise import StepNoise


def small(**arguments):
    settings = {
        "image_shape": (4, 3, 1),
        "embedding_dim": 2,
        "num_codes": 3,
        "hidden": (4, 6),
        "num_residual": 1,
        "likelihood": Bernoulli(),
        "prior_channels": 4,
        "prior_blocks": 1,
    }
    keras.utils.set_random_seed(0)
    model = VQVAE(**{**settings, **arguments})
    model.adapt(images_of(16, model))
    return model


def images_of(n, model, seed=0):
    levels = model.likelihood.levels
    drawn = np.random.default_rng(seed).integers(0, levels, [n, *model.image_shape])
    return grid(levels)[drawn]


def vectors_of(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_the_codebook_follows_the_papers_averages():
    quantizer = VectorQuantizer(3, 2, decay=0.9, restart_below=0.0)
    table = np.array([[0, 0], [1, 1], [9, 9]], np.float32)
    quantizer.seat(table)
    vectors = vectors_of([4, 2, 2, 2])
    flat = vectors.reshape(-1, 2)
    nearest = np.argmin(np.sum((flat[:, None] - table) ** 2, axis=-1), axis=1)
    np.testing.assert_array_equal(np.ravel(quantizer.nearest(vectors)), nearest)
    assert set(nearest) == {0, 1}
    quantizer.update(vectors, StepNoise(0, 0))
    for code in range(3):
        count = 0.9 * 1 + 0.1 * np.sum(nearest == code)
        total = 0.9 * table[code] + 0.1 * flat[nearest == code].sum(axis=0)
        np.testing.assert_allclose(quantizer.counts[code], count, rtol=1e-5)
        np.testing.assert_allclose(quantizer.sums[code], total, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(quantizer.embeddings[code], total / count, rtol=1e-5, atol=1e-6)


def test_the_codebook_starts_at_vectors_of_all_places():
    model = small(image_shape=(8, 8, 1), num_codes=8)
    images = images_of(256, model)
    images[:, :6, :6] = 0  # the first place's vectors are all the same
    model.adapt(images)
    vectors = np.reshape(model.encoder(to_unit(images)), [-1, 2])
    embeddings = np.asarray(model.quantizer.embeddings)
    squares = np.sum((vectors[:, None] - embeddings) ** 2, axis=-1)
    places = np.argmin(squares, axis=0) % 16
    assert np.all(np.min(squares, axis=0) < 1e-10) and len(np.unique(places)) > 3
    mean_error = np.mean(np.sum((vectors - vectors.mean(axis=0)) ** 2, axis=-1))
    assert np.mean(np.min(squares, axis=1)) < 0.7 * mean_error
    few = np.array([[0, 0], [1, 1], [2, 2]], np.float32)
    model.quantizer.seat(few)
    np.testing.assert_array_equal(np.unique(model.quantizer.embeddings, axis=0), few)


def with_dead_codes():
    """A codebook of which the codes 1 and 3, far away, are almost dead."""
    quantizer = VectorQuantizer(4, 2, decay=0.9)
    quantizer.seat(np.array([[0, 0], [50, 0], [1, 1], [0, 50]], np.float32))
    quantizer.counts.assign([1.0, 0.01, 1.0, 0.01])
    return quantizer


def test_dead_codes_are_seated_at_vectors_of_the_batch_and_live_ones_stay():
    dead_free, quantizer = with_dead_codes(), with_dead_codes()
    dead_free.restart_below = 0.0
    vectors = vectors_of([8, 1, 1, 2])
    dead_free.update(vectors, StepNoise(0, 0))
    quantizer.update(vectors, StepNoise(0, 0))
    found, live = np.asarray(quantizer.embeddings), np.asarray(dead_free.embeddings)
    np.testing.assert_array_equal(found[[0, 2]], live[[0, 2]])
    flat = vectors.reshape(-1, 2)
    seats = [np.flatnonzero(np.all(flat == found[code], axis=1)) for code in (1, 3)]
    assert all(len(seat) == 1 for seat in seats) and seats[0] != seats[1]
    # They have time to be chosen, and their average stands where they do.
    counts = np.asarray(quantizer.counts)
    np.testing.assert_allclose(counts[[1, 3]], np.mean(dead_free.counts), rtol=1e-5)
    np.testing.assert_allclose(quantizer.sums / counts[:, None], found, rtol=1e-5, atol=1e-6)


def test_seats_follow_from_the_steps_noise():
    def seated(step):
        quantizer = with_dead_codes()
        quantizer.update(vectors_of([8, 1, 1, 2]), StepNoise(0, step))
        return np.asarray(quantizer.embeddings)

    np.testing.assert_array_equal(seated(3), seated(3))
    assert len({seated(step)[1].tobytes() for step in range(6)}) > 1


def test_fewer_vectors_than_dead_codes_are_enough():
    quantizer = VectorQuantizer(8, 2)
    quantizer.counts.assign([100.0] + [0.0] * 7)
    vectors = vectors_of([2, 1, 1, 2])
    quantizer.update(vectors, StepNoise(0, 0))
    seated = np.asarray(quantizer.embeddings)[1:]
    assert {tuple(row) for row in seated} == {tuple(row) for row in vectors.reshape(-1, 2)}


def test_two_replicas_seat_dead_codes_as_one_does(two_replicas):
    def trained(strategy):
        with strategy.scope():
            model = small()
            model.compile(keras.optimizers.SGD(1e-3))
            model.quantizer.seat(np.array([[0, 0], [50, 50], [0.1, 0.1]], np.float32))
            model.quantizer.counts.assign([1.0, 1e-3, 1.0])
        images = images_of(16, model, seed=1)
        model.fit(images, batch_size=16, epochs=1, verbose=0, shuffle=False)
        return [np.asarray(w) for w in model.quantizer.weights]

    one = trained(tf.distribute.get_strategy())
    two = trained(two_replicas)
    assert np.all(np.abs(one[0]) < 10)  # the code far away was dead
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_evaluation_leaves_the_codebook():
    model = small()
    model.compile("adam")
    before = [np.asarray(w) for w in model.quantizer.weights]
    model.evaluate(images_of(8, model), verbose=0)
    model.elbo(images_of(8, model))
    for weight, old in zip(model.quantizer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_the_gradient_passes_straight_through():
    model = small(commitment=0.0)
    images = images_of(5, model)
    encoded = model.encoder(to_unit(images))
    with tf.GradientTape() as tape:
        tape.watch(encoded)
        loss = model._losses_of(encoded, images, None, None, training=True)["loss"]
    passed = tape.gradient(loss, encoded)
    quantized = tf.constant(model.encode(images))
    with tf.GradientTape() as tape:
        tape.watch(quantized)
        likelihood = model._log_likelihood(images, quantized)
    expected = -tape.gradient(likelihood, quantized)
    assert np.any(np.asarray(expected) != 0)
    np.testing.assert_allclose(np.reshape(passed, expected.shape), expected, rtol=1e-4, atol=1e-6)


def test_the_commitment_pulls_the_encoder_towards_its_embedding():
    model = small(commitment=0.5)
    encoded = model.encoder(to_unit(images_of(5, model)))
    images = images_of(5, model)
    with tf.GradientTape() as tape:
        tape.watch(encoded)
        commitment = model._losses_of(encoded, images, None, None, training=True)["commitment"]
    difference = encoded - model.quantizer.lookup(model.quantizer.nearest(encoded))
    size = np.prod(encoded.shape[1:])
    expected = 0.5 * 12 * np.mean(np.square(difference), axis=(1, 2, 3))
    np.testing.assert_allclose(commitment, expected, rtol=1e-4, atol=1e-7)
    gradient = tape.gradient(commitment, encoded)
    np.testing.assert_allclose(gradient, 0.5 * 12 * 2 * difference / size, rtol=1e-4, atol=1e-6)


def test_the_prior_gives_the_encoder_no_gradient():
    model = small()
    images = images_of(5, model)
    with tf.GradientTape() as tape:
        prior = model.losses(images, None, None, training=True)["prior"]
    others = [*model.encoder.trainable_variables, *model.decoder.trainable_variables]
    sources = [*others, *model.prior.trainable_variables]
    gradients = tape.gradient(prior, [getattr(v, "value", v) for v in sources])
    assert all(gradient is None for gradient in gradients[: len(others)])
    assert all(gradient is not None for gradient in gradients[len(others) :])


def test_codes_survive_the_way_through_the_priors_images():
    model = small(num_codes=256)
    codes = model.codes(images_of(20, model))
    assert codes.dtype == tf.int32 and codes.shape == (20, 2, 2)
    assert len(np.unique(codes)) > 2
    pictures = from_levels(codes[..., None], 256)
    np.testing.assert_array_equal(to_levels(pictures, 256)[..., 0], codes)
    embeddings = np.asarray(model.quantizer.embeddings)
    np.testing.assert_array_equal(
        model.encode(images_of(20, model)), embeddings[codes].reshape(20, model.latent_dim)
    )
    usage = model.code_usage(images_of(20, model), batch_size=7)
    np.testing.assert_array_equal(usage, np.bincount(np.ravel(codes), minlength=256))


@pytest.mark.parametrize("num_classes", [0, 2])
def test_the_bound_lies_below_the_likelihood_that_all_codes_give(num_classes):
    model = small(num_classes=num_classes)
    model.compile(keras.optimizers.Adam(1e-2))
    images = images_of(32, model)
    labels = np.arange(32, dtype=np.int32) % 2
    model.fit(images, labels, batch_size=16, epochs=10, verbose=0)
    images, labels = images[:6], labels[:6] if num_classes else None
    every = np.array(list(itertools.product(range(3), repeat=4)), np.int32).reshape(-1, 2, 2)
    latents = tf.reshape(model.quantizer.lookup(every), [len(every), -1])
    bounds = model.elbo(images, labels=labels)
    for index, image in enumerate(images):
        label = None if labels is None else np.full([len(every)], labels[index])
        prior = model.prior.log_prob(from_levels(every[..., None], 3), label)
        np.testing.assert_allclose(np.exp(prior).sum(), 1, rtol=1e-4)
        likelihood = model._log_likelihood(np.repeat(image[None], len(every), axis=0), latents)
        joint = np.asarray(prior + likelihood, np.float64)
        exact = np.logaddexp.reduce(joint)
        own = np.flatnonzero(np.all(every == model.codes(image[None])[0], axis=(1, 2)))[0]
        np.testing.assert_allclose(bounds[index], joint[own], rtol=1e-5)
        assert bounds[index] < exact - 1e-4
    losses = model.losses(tf.constant(images), labels, None, training=False)
    np.testing.assert_allclose(losses["loss"], -bounds, rtol=1e-6)
    rate, distortion = model.rate_distortion(images, labels=labels)
    np.testing.assert_array_equal(rate, losses["prior"])
    np.testing.assert_array_equal(distortion, losses["reconstruction"])
    np.testing.assert_array_equal(bounds, -rate - distortion)
    with pytest.raises(UserError, match="images must be uint8"):
        model.rate_distortion(images / 255, labels=labels)


def test_samples_are_decoded_codes_of_the_prior():
    model = small()
    uniforms = model.noise(np.arange(6))
    codes = to_levels(model.prior.generate(uniforms), 3)[..., 0]
    latents = tf.reshape(model.quantizer.lookup(codes), [6, model.latent_dim])
    np.testing.assert_array_equal(model.generate(uniforms), model.decode(latents))
    pixels = model.plain_networks()["decoder"](latents)
    np.testing.assert_allclose(pixels, model.decode(latents), atol=0.51)


def test_labels_reach_the_prior_alone():
    model = small(num_classes=2)
    images = images_of(4, model)
    np.testing.assert_array_equal(model.encode(images), model.encode(images, [0, 1, 0, 1]))
    for layer in (model.prior.first, *model.prior._convs()):
        layer.class_bias.assign(np.random.default_rng(0).normal(size=layer.class_bias.shape))
    assert np.all(model.elbo(images, labels=0) != model.elbo(images, labels=1))


def test_the_codebook_stays_near_the_encoder_when_weights_are_averaged():
    from tfgen.training.average import WeightAverage

    model = small(decay=0.5)
    model.compile("adam")
    average = WeightAverage(model, half_life=160, batch_size=16)
    images = images_of(64, model)

    def distance():
        vectors = model.encoder(to_unit(images))
        return np.mean(np.square(vectors - model.quantizer(vectors)[0]))

    for step in range(60):  # the encoder drifts, and the codebook follows it
        model.encoder.weights[-1].assign_add([0.1, 0.0])
        model.quantizer.update(model.encoder(to_unit(images)), StepNoise(0, step))
        average.on_train_batch_end(0)
    usual, codebook = distance(), model.quantizer.get_weights()
    average.swap()
    assert distance() < 2 * usual
    model.quantizer.set_weights(codebook)  # which was not averaged
    assert distance() > 4 * usual


def test_wrong_settings_are_refused():
    for number in (1, 257):
        with pytest.raises(
            UserError, match=f"num_codes must be an integer in 2..256, but is {number}."
        ):
            small(num_codes=number)
    with pytest.raises(UserError, match="4x3 images can be halved 2 times only"):
        small(hidden=(4, 4, 4, 4))
    with pytest.raises(UserError, match="hidden must list at least one layer's size"):
        small(hidden=())
    for number in (0, 2.5):
        with pytest.raises(UserError, match="embedding_dim must be an integer of at least 1, but"):
            small(embedding_dim=number)
        with pytest.raises(
            UserError, match=f"num_codes must be an integer in 2..256, but is {number}"
        ):
            small(num_codes=number)
    for number in (-1, 1.5):
        with pytest.raises(UserError, match="num_residual must be an integer of at least 0"):
            small(num_residual=number)
    with pytest.raises(UserError, match="^likelihood must be of class Likelihood, such as"):
        small(likelihood="bernoulli")
    for number in (1.0, "a"):
        with pytest.raises(
            UserError, match=rf"decay must be a number in \[0, 1\), but is {number!r}"
        ):
            small(decay=number)
    for number in (-1, np.nan, "a"):
        with pytest.raises(UserError, match=r"commitment must be a number in \[0, inf\)"):
            small(commitment=number)
    for number in (-1, 2.5):
        with pytest.raises(UserError, match="embedding_dim must be an integer of at least 0"):
            PixelCNN((4, 4, 1), 4, 1, embedding_dim=number)
    with pytest.raises(UserError, match=r"latents must be floats of shape \[batch, 8\]"):
        small().decode(np.zeros([1, 3], np.float32))
    with pytest.raises(UserError, match="unconditional"):
        small().encode(images_of(2, small()), [0, 1])
    with pytest.raises(UserError, match="off the model's grid of 2 levels"):
        small().elbo(images_of(2, small()) // 2)
    with pytest.raises(UserError, match="^images must be uint8 of shape"):
        small().adapt(images_of(2, small()) / 255)
