"""Priors are distributions, bounds are bounds, and objectives have the gradients they claim."""

import itertools
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfgen.errors import UserError
from tfgen.images import to_levels, to_unit
from tfgen.likelihoods import Bernoulli, DiscretizedLogisticMixture
from tfgen.models import VAE, HierarchicalVAE
from tfgen.objectives import ELBO, IWAE
from tfgen.objectives.base import Batch, repeat
from tfgen.priors import GaussianMixture, RealNVP, StandardNormal, VampPrior
from tfgen.sampling import importance
from tfgen.sampling import noise as random_noise

SHAPE = (2, 2, 1)
EVERY_IMAGE = np.array(list(itertools.product([0, 255], repeat=4)), np.uint8).reshape(16, *SHAPE)


def prior_of(kind, latent_dim=2, num_classes=0):
    keras.utils.set_random_seed(2)
    if kind is VampPrior:
        prior = VampPrior(latent_dim, SHAPE, 3, num_classes)
    elif kind is RealNVP:
        prior = RealNVP(latent_dim, num_layers=3, hidden=4)
    else:
        prior = kind(latent_dim)
    rng = np.random.default_rng(4)
    for weight in prior.weights:  # away from where they start, which may be trivial
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    return prior


def wide(model):
    """The model with a posterior at least as wide as its prior, so that few samples tell all."""
    for layer in model.encoder.layers:
        if layer.weights and layer.units == 2 * model.latent_sizes[0]:
            layer.bias.assign([0.0] * model.latent_sizes[0] + [0.6] * model.latent_sizes[0])
        elif layer.weights and layer.units == 2 * model.latent_sizes[-1]:
            layer.bias.assign([0.0] * model.latent_sizes[-1] + [4.0] * model.latent_sizes[-1])
        else:
            continue
        layer.kernel.assign(layer.kernel * 0.2)
    return model


def vae(kind=StandardNormal, **arguments):
    prior = prior_of(kind, num_classes=arguments.get("num_classes", 0))
    keras.utils.set_random_seed(1)
    settings = {"latent_dim": 2, "hidden": (5,), "likelihood": Bernoulli(), "prior": prior}
    return VAE(SHAPE, **{**settings, **arguments})


def ladder(kind=StandardNormal, **arguments):
    prior = prior_of(kind, num_classes=arguments.get("num_classes", 0))
    keras.utils.set_random_seed(1)
    settings = {"latent_dims": (3, 2), "hidden": ((5,), (4,)), "likelihood": Bernoulli()}
    return HierarchicalVAE(SHAPE, **{**settings, "prior": prior, **arguments})


MODELS = {
    **{f"VAE, {kind.__name__}": (vae, kind) for kind in (GaussianMixture, RealNVP, VampPrior)},
    "ladder": (ladder, StandardNormal),
    "ladder, RealNVP": (ladder, RealNVP),
    "ladder, VampPrior": (ladder, VampPrior),
}


def batch_of(model, images, samples=1, seed=0):
    levels = to_levels(images, model.likelihood.levels)
    shape = [len(images), samples, model.latent_dim]
    epsilon = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return Batch(to_unit(images), levels, None, tf.constant(epsilon))


@pytest.mark.parametrize("kind", [StandardNormal, GaussianMixture, RealNVP, VampPrior])
def test_a_prior_is_normalised_and_its_codes_follow_it(kind):
    model = vae(kind)
    axis = np.linspace(-12, 12, 601, dtype=np.float32)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    prior = model.prior_at(0, [])
    density = np.exp(prior.log_prob(points)) * (axis[1] - axis[0]) ** 2
    np.testing.assert_allclose(density.sum(), 1, atol=2e-3)
    n = 40_000
    noise = np.random.default_rng(0).normal(size=[n, model.prior.noise_dim]).astype(np.float32)
    codes = np.asarray(model.prior.codes(noise, model.top_posterior))
    mean = density @ points
    covariance = (points - mean).T @ ((points - mean) * density[:, None])
    np.testing.assert_allclose(codes.mean(axis=0), mean, atol=0.05 * np.sqrt(covariance.max()))
    np.testing.assert_allclose(np.cov(codes.T), covariance, atol=0.06 * covariance.max())
    # The share of codes near the origin, which no Gaussian of these moments need have.
    near = np.sum(points**2, axis=1) < 1
    np.testing.assert_allclose(
        np.mean(np.sum(codes**2, axis=1) < 1), density[near].sum(), atol=0.02
    )


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_of_all_images_sum_to_one(name):
    build, kind = MODELS[name]
    model = wide(build(kind))
    bounds = model.log_prob_bound(EVERY_IMAGE, np.arange(16), 4000)
    np.testing.assert_allclose(np.exp(bounds).sum(), 1, atol=0.03)
    elbo = [model.elbo(EVERY_IMAGE, np.arange(16) + 16 * k) for k in range(20)]
    assert np.exp(np.mean(elbo, axis=0)).sum() < 1


@pytest.mark.parametrize("build", [vae, ladder])
def test_bounds_depend_neither_on_the_batch_nor_on_the_chunk(build):
    model = build()
    seeds = np.arange(16)
    together = model.log_prob_bound(EVERY_IMAGE, seeds, 120)
    for chunk in (1, 7, 50):
        chunked = model.log_prob_bound(EVERY_IMAGE, seeds, 120, chunk_size=chunk)
        np.testing.assert_allclose(chunked, together, rtol=1e-5)
    alone = [model.log_prob_bound(EVERY_IMAGE[k : k + 1], seeds[k : k + 1], 120)[0] for k in (3, 9)]
    np.testing.assert_allclose(alone, np.asarray(together)[[3, 9]], rtol=1e-5)


def test_the_first_image_may_come_alone():
    model = vae()
    alone = model.log_prob_bound(EVERY_IMAGE[:1], [0], 60)
    np.testing.assert_allclose(alone, model.log_prob_bound(EVERY_IMAGE, None, 60)[:1], rtol=1e-5)


@pytest.mark.exhaustive
def test_a_bound_of_ten_thousand_images_takes_little_memory():
    """How many samples each has does not matter, as no more than a chunk of them is held."""
    script = (
        "import resource, numpy as np\n"
        "from tfgen.likelihoods import Bernoulli\n"
        "from tfgen.models import VAE\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "model = VAE((28, 28, 1), 50, (200, 200), likelihood=Bernoulli())\n"
        "images = np.zeros([10_000, 28, 28, 1], np.uint8)\n"
        "model.log_prob_bound(images[:2], np.arange(2), 2)\n"
        "before = peak()\n"
        "model.log_prob_bound(images, np.arange(10_000), 20)\n"
        "print(peak() - before)\n"
    )
    kib = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert int(kib) < 256 * 2**10


def test_bounds_do_not_depend_on_how_many_images_are_scored_at_once(monkeypatch):
    model, rows = vae(VampPrior), []
    seeds = np.arange(16)
    together = model.log_prob_bound(EVERY_IMAGE, seeds, 60)
    bound = model._importance_bound
    monkeypatch.setattr(
        model,
        "_importance_bound",
        lambda images, *rest: rows.append(len(images)) or bound(images, *rest),
    )
    monkeypatch.setattr(importance, "LARGEST_TENSOR", 4 * 50 * 2 * 5)  # five images' noise
    np.testing.assert_allclose(model.log_prob_bound(EVERY_IMAGE, seeds, 60), together, rtol=1e-5)
    assert rows == [5, 5, 5, 1]


@pytest.mark.parametrize("build", [vae, ladder])
def test_the_mean_log_weight_looks_worse_and_the_weighted_mean_better_than_the_bound(build):
    model = build()
    batch = batch_of(model, EVERY_IMAGE, samples=200)
    log_weights = model.log_weights(model.features(batch.x), batch).numpy()
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    naive = np.sum(weights * log_weights, axis=1)
    bound = np.log(np.mean(np.exp(log_weights), axis=1))
    assert np.all(naive > bound) and np.all(log_weights.mean(axis=1) < bound)
    np.testing.assert_allclose(-IWAE(200).losses(model, batch, None)["loss"], bound, rtol=1e-4)


def flat(gradients):
    return np.concatenate([np.asarray(g, np.float64).ravel() for g in gradients])


@pytest.mark.parametrize("name", ["VAE, RealNVP", "VAE, VampPrior", "ladder"])
def test_the_doubly_reparameterised_gradient_is_that_of_the_bound(name):
    """In the mean over noise, for p's and for q's variables, also those that have a part in both;
    and, for q's, with less noise."""
    build, kind = MODELS[name]
    model = build(kind, objective=IWAE(4))
    model.compile("sgd")
    objective = model.objective

    @tf.function
    def both(epsilon):
        batch = Batch(to_unit(image), to_levels(image, 2), None, epsilon)
        _, doubly = objective.gradients(model, batch, None)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(objective.losses(model, batch, None)["loss"])
        return doubly, tape.gradient(loss, model.trainable_variables)

    # Many copies of one image: the mean over the batch is the mean over noise.
    image = np.repeat(EVERY_IMAGE[6:7], 2000, axis=0)
    rng = np.random.default_rng(0)
    doubly, plain = [], []
    for _ in range(20):
        epsilon = rng.normal(size=[2000, 4, model.latent_dim]).astype(np.float32)
        first, second = both(tf.constant(epsilon))
        doubly.append(flat(first))
        plain.append(flat(second))
    doubly, plain = np.array(doubly), np.array(plain)
    error = np.sqrt((doubly.var(axis=0, ddof=1) + plain.var(axis=0, ddof=1)) / 20)
    scale = np.abs(plain.mean(axis=0)).max()
    difference = np.abs(doubly.mean(axis=0) - plain.mean(axis=0))
    assert np.all(difference <= 6 * error + 1e-5 * scale)
    assert scale > 100 * np.median(error)
    sizes = [int(np.prod(v.shape)) for v in model.trainable_variables]
    q = {id(v) for v in model.encoder.trainable_variables}
    of_q = np.repeat([id(v) in q for v in model.trainable_variables], sizes)
    if name == "VAE, RealNVP":
        assert doubly[:, of_q].var(axis=0).sum() < 0.5 * plain[:, of_q].var(axis=0).sum()
        np.testing.assert_allclose(doubly[:, ~of_q], plain[:, ~of_q], rtol=1e-3, atol=1e-5 * scale)


def test_beta_warm_up_and_free_bits_act_in_training_alone():
    model = vae(RealNVP)
    batch = batch_of(model, EVERY_IMAGE)
    raw = ELBO().losses(model, batch, 0)
    kl, reconstruction = raw["kl"].numpy(), raw["reconstruction"].numpy()
    np.testing.assert_allclose(raw["loss"], reconstruction + kl, rtol=1e-6)
    half = ELBO(beta=4.0, warmup_steps=10).losses(model, batch, 5)
    np.testing.assert_allclose(half["loss"], reconstruction + 2 * kl, rtol=1e-5)
    whole = ELBO(beta=4.0, warmup_steps=10).losses(model, batch, 50)
    np.testing.assert_allclose(whole["loss"], reconstruction + 4 * kl, rtol=1e-5)
    free = ELBO(free_bits=kl.mean() + 1).losses(model, batch, 0)
    np.testing.assert_allclose(free["loss"], reconstruction + kl.mean() + 1, rtol=1e-5)
    paid = ELBO(free_bits=kl.mean() - 0.1).losses(model, batch, 0)
    np.testing.assert_allclose(paid["loss"], raw["loss"], rtol=1e-6)
    for objective in (ELBO(4.0, 10), ELBO(free_bits=100.0)):
        np.testing.assert_allclose(
            objective.losses(model, batch, None)["loss"], raw["loss"], rtol=1e-6
        )


def test_free_bits_are_each_groups_own():
    model = ladder()
    batch = batch_of(model, EVERY_IMAGE)
    features = model.features(batch.x)
    latents = model.draw(features, batch.epsilon[:, 0])
    means = [float(np.mean(cost)) for cost in model.divergences(features, latents)]
    free = sum(means) / 2
    assert min(means) < free < max(means)
    loss = np.mean(ELBO(free_bits=free).losses(model, batch, 0)["loss"])
    reconstruction = np.mean(ELBO().losses(model, batch, 0)["reconstruction"])
    np.testing.assert_allclose(loss, reconstruction + free + max(means), rtol=1e-5)


def test_the_ladders_posterior_is_the_product_of_what_is_read_and_what_is_expected():
    model = ladder()
    features = model.features(to_unit(EVERY_IMAGE))
    top = tf.random.stateless_normal([16, 2], [0, 1])
    posterior = model.posterior_at(1, features, [top])
    expected = model.prior_at(1, [top])
    log_variance = features[1][:, 3:]
    read = tfd.Normal(features[1][:, :3], tf.exp(4 * tf.tanh(log_variance / 8)))
    z = tf.random.stateless_normal([50, 16, 3], [0, 2])
    product = read.log_prob(z) + tfd.Normal(expected.mean(), expected.stddev()).log_prob(z)
    found = tfd.Normal(posterior.mean(), posterior.stddev()).log_prob(z)
    # Up to the product's normalisation, the same for every z.
    np.testing.assert_allclose(tf.math.reduce_std(product - found, axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("build", [vae, ladder])
def test_a_code_says_all_of_an_image(build):
    model = build()
    codes = model.encode(EVERY_IMAGE)
    assert codes.shape == (16, model.latent_dim)
    np.testing.assert_array_equal(model.reconstruct(EVERY_IMAGE), model.decode(codes))
    features = model.features(to_unit(EVERY_IMAGE))
    latents = model.draw(features, tf.zeros([16, model.latent_dim]))
    expected = model.likelihood.mean(model.parameters(latents))
    found = to_unit(model.decode(codes))
    np.testing.assert_allclose(found, expected, atol=1 / 127)
    np.testing.assert_allclose(
        model.active_units(EVERY_IMAGE, batch_size=5), np.var(codes, axis=0), rtol=1e-5
    )


def test_rate_and_distortion_are_the_elbos_parts():
    model, seeds = ladder(RealNVP), np.arange(16)
    rate, distortion = model.rate_distortion(EVERY_IMAGE, seeds)
    batch = batch_of(model, EVERY_IMAGE)
    batch = batch._replace(epsilon=random_noise.normal(seeds, [1, model.latent_dim]))
    losses = ELBO().losses(model, batch, None)
    np.testing.assert_allclose(rate, losses["kl"], rtol=1e-6)
    np.testing.assert_allclose(distortion, losses["reconstruction"], rtol=1e-6)
    np.testing.assert_allclose(model.elbo(EVERY_IMAGE, seeds), -losses["loss"], rtol=1e-6)
    np.testing.assert_array_equal(model.elbo(EVERY_IMAGE), model.elbo(EVERY_IMAGE, np.arange(16)))
    assert np.mean(rate) > 0 and np.all(np.asarray(distortion) > 0)


def test_a_models_prior_follows_it_to_other_images():
    config = ladder(network="spatial", latent_dims=(3, 2)).config_for((4, 6, 3), 5)
    assert config["prior"] is None and config["num_classes"] == 0
    assert HierarchicalVAE.from_config(config).prior.latent_dim == 2 * 2
    prior = GaussianMixture(2)
    spatial = ladder(network="spatial", latent_dims=(3, 2), prior=prior)
    assert HierarchicalVAE.from_config(spatial.config_for((4, 6, 3), 0)).prior.latent_dim == 2 * 2
    again = VAE.from_config(vae(VampPrior, num_classes=2).config_for((3, 5, 1), 4)).prior
    assert again.image_shape == (3, 5, 1) and again.num_classes == 4 and again.num_components == 3


def test_warm_up_ends():
    objective = ELBO(beta=4.0, warmup_steps=10, free_bits=0.5)
    model = vae(objective=objective)
    model.end_warmup()
    assert model.objective == ELBO(4.0, 0, 0.5)
    assert IWAE(3, 10, 5).warmed_up() == IWAE(3)


def test_the_first_steps_of_a_warm_up_draw_one_code_an_image():
    model = vae(RealNVP, objective=IWAE(3, warmup_steps=10))
    model.compile("sgd")
    batch = batch_of(model, EVERY_IMAGE, samples=3)
    first = batch._replace(epsilon=batch.epsilon[:, :1])
    for step, expected, its_batch in ((9, IWAE(1), first), (10, IWAE(3), batch)):
        losses, gradients = model.objective.gradients(model, batch, tf.constant(step))
        wanted, its_gradients = expected.gradients(model, its_batch, tf.constant(step))
        np.testing.assert_array_equal(losses["loss"], wanted["loss"])
        np.testing.assert_array_equal(flat(gradients), flat(its_gradients))
    # What is validated has all of them from the start.
    of_all = IWAE(3).losses(model, batch, None)["loss"]
    np.testing.assert_array_equal(model.objective.losses(model, batch, None)["loss"], of_all)


@pytest.mark.parametrize("chunk_size", [1, 7, 50])
def test_thousands_of_nats_are_summed_exactly(chunk_size):
    def log_weights(epsilon):  # of an image of some hundred pixels in colour
        return epsilon[..., 0] - 7000

    seeds = tf.range(2)
    log_mean_weight = tf.function(importance.log_mean_weight, autograph=False)
    bound = log_mean_weight(log_weights, seeds, 1, 5000, chunk_size)
    # The mean of exp(epsilon) is exp(1/2); 5,000 samples of it have an error of .02.
    np.testing.assert_allclose(bound, [-6999.5] * 2, atol=0.06)
    whole = log_mean_weight(log_weights, seeds, 1, 5000, 50)
    np.testing.assert_allclose(bound, whole, rtol=1e-7)


@pytest.mark.parametrize("k", [1, 4])
def test_codes_cost_nothing_at_first_and_all_after_the_warm_up(k):
    model = vae(RealNVP, objective=IWAE(k, kl_warmup_steps=10))
    model.compile("sgd")
    batch = batch_of(model, EVERY_IMAGE, samples=k)
    found = {}
    for step in (0, 5, 10, 15):
        _, gradients = model.objective.gradients(model, batch, tf.constant(step))
        found[step] = flat(gradients)
    with tf.GradientTape() as tape:  # at first, log p(x | z) is all
        rows = batch.one_row_a_sample()
        features = repeat(model.features(batch.x), k)
        scores = model.log_likelihood(batch.levels, model.draw(features, rows.epsilon))
        bound = tf.reduce_logsumexp(tf.reshape(scores, [-1, k]), axis=1)
        loss = -tf.reduce_mean(bound)
    variables = [variable.value for variable in model.trainable_variables]
    zero = tf.UnconnectedGradients.ZERO
    plain = tape.gradient(loss, variables, unconnected_gradients=zero)
    np.testing.assert_allclose(found[0], flat(plain), atol=1e-6)
    _, whole = IWAE(k).gradients(model, batch, tf.constant(0))
    np.testing.assert_array_equal(found[10], flat(whole))
    np.testing.assert_array_equal(found[15], flat(whole))
    if k == 1:
        np.testing.assert_allclose(found[5], (found[0] + found[10]) / 2, atol=1e-5)
    assert np.abs(found[0] - found[10]).max() > 1e-2


@pytest.mark.parametrize("build", [vae, ladder])
def test_a_model_starts_at_no_images_that_it_cannot_learn(build):
    model = build(VampPrior, num_classes=3)
    before = model.get_weights()
    for images, sentence in (
        (EVERY_IMAGE / 255, r"^images must be uint8 of shape \[batch, 2, 2, 1\], but their dtype"),
        (
            EVERY_IMAGE[:, :1],
            r"^images must be uint8 of shape .*, but their shape is \[16, 1, 2, 1",
        ),
        (EVERY_IMAGE // 2, "^the images hold pixel values off the model's grid of 2 levels"),
    ):
        with pytest.raises(UserError, match=sentence):
            model.adapt(images, np.arange(16) % 3)
    with pytest.raises(UserError, match="^label 3 is not one of the classes 0..2.$"):
        model.adapt(EVERY_IMAGE, np.arange(16) % 4)
    with pytest.raises(UserError, match="^3 labels were given for 16 images.$"):
        model.adapt(EVERY_IMAGE, np.arange(3))
    assert all(map(np.array_equal, model.get_weights(), before))


def test_pseudo_inputs_start_at_different_images_if_there_are_enough():
    prior = VampPrior(2, SHAPE, 16)
    prior.adapt(EVERY_IMAGE)
    assert len(np.unique(prior.pseudo_inputs.numpy().reshape(16, -1), axis=0)) == 16
    prior.adapt(EVERY_IMAGE[:3])
    assert len(np.unique(prior.pseudo_inputs.numpy().reshape(16, -1), axis=0)) <= 3
    start = prior.pseudo_inputs.numpy()
    prior.adapt(EVERY_IMAGE[:3], np.array([0, 1, 2]))  # labels count for nothing without classes
    np.testing.assert_array_equal(prior.pseudo_inputs, start)


def test_pseudo_inputs_start_at_images_of_their_class():
    prior, labels = VampPrior(2, SHAPE, 7, num_classes=3), np.arange(16) % 2
    prior.adapt(EVERY_IMAGE, labels)
    label_of = {tuple(np.ravel(to_unit(EVERY_IMAGE[k]))): labels[k] for k in range(16)}
    starts = [label_of[tuple(start)] for start in prior.pseudo_inputs.numpy().reshape(7, -1)]
    # Of the last class there is no image, and any will do.
    assert [starts[k] for k in range(7) if k % 3 < 2] == [k % 3 for k in range(7) if k % 3 < 2]


def test_a_pixel_of_a_pseudo_input_that_left_the_interval_can_come_back():
    model = vae(VampPrior)
    pixels = model.prior.pseudo_inputs
    beyond = np.where(np.arange(12).reshape(pixels.shape) % 2, 1.5, -1.5)
    pixels.assign(beyond)
    with tf.GradientTape() as tape:
        inputs = model.prior.components(lambda x, labels: x)
        loss = tf.reduce_sum(inputs * np.sign(beyond))  # which falls as they come back
    gradient = tape.gradient(loss, pixels.value)
    np.testing.assert_array_equal(inputs, np.sign(beyond))
    np.testing.assert_array_equal(gradient, np.sign(beyond))
    with tf.GradientTape() as tape:
        loss = -tf.reduce_sum(model.prior.components(lambda x, labels: x) * np.sign(beyond))
    np.testing.assert_array_equal(tape.gradient(loss, pixels.value), np.zeros(beyond.shape))


def test_a_bound_holds_no_more_at_once_for_a_mixture(monkeypatch):
    sizes, one = [], importance.at_once
    monkeypatch.setattr(importance, "at_once", lambda *sizes_: sizes.append(sizes_) or one(*sizes_))
    model = vae(prior=GaussianMixture(2, 1000))
    assert len(model.log_prob_bound(EVERY_IMAGE, range(16), 2)) == 16
    assert min(size for size, _ in sizes) >= 2000
    assert len(model.log_prob_bound(EVERY_IMAGE[:0], np.zeros([0], int), 2)) == 0


def test_a_single_label_stands_for_all_images():
    model = vae(VampPrior, num_classes=3)
    one, all_of_it = (model.active_units(EVERY_IMAGE, x) for x in (1, np.ones([16], int)))
    np.testing.assert_array_equal(one, all_of_it)


def test_what_does_not_fit_is_refused_before_training():
    with pytest.raises(UserError, match="the prior is one of 3 latents, but the model's z has 2"):
        vae(prior=StandardNormal(3))
    with pytest.raises(UserError, match="pseudo-inputs are images of shape .* make the VampPrior"):
        vae(prior=VampPrior(2, (3, 3, 1), 4))
    for wrong in ("vamp", VampPrior):
        with pytest.raises(
            UserError, match=r"^prior must be of class Prior, such as .*, but is .*\.$"
        ):
            vae(prior=wrong)
    with pytest.raises(
        UserError, match="^likelihood must be of class Likelihood, such as tfgen.likelih"
    ):
        vae(likelihood="bernoulli")
    with pytest.raises(UserError, match="^objective must be of class Objective, such"):
        vae(objective=IWAE)
    for number in (0, 2.5, "a", None, (4,), True):
        sentence = f"latent_dim must be an integer of at least 1, but is {re.escape(repr(number))}"
        with pytest.raises(UserError, match=sentence):
            VAE(SHAPE, number)
    with pytest.raises(UserError, match="num_samples must be an integer of at least 1, but is Tru"):
        vae().log_prob_bound(EVERY_IMAGE, range(16), True)
    for number in (0, 2.5):
        with pytest.raises(UserError, match="num_samples must be an integer of at least 1, but is"):
            IWAE(number)
    for number in (-1, 2.5, np.nan, np.inf, "a"):
        sentence = f"warmup_steps must be an integer of at least 0, but is {number!r}"
        with pytest.raises(UserError, match=f"^{sentence}"):
            IWAE(5, number)
        with pytest.raises(UserError, match=f"^kl_{sentence}"):
            IWAE(5, 1, number)
    for number in (-1.0, np.nan, np.inf, "a", None):
        sentence = rf"^beta must be a number in \[0, inf\), but is {number!r}"
        with pytest.raises(UserError, match=sentence):
            ELBO(beta=number)
    with pytest.raises(UserError, match="latent_dim must exceed 1"):
        RealNVP(1)
    for number in (0, 2.5):
        for name, make in {
            "latent_dim": StandardNormal,
            "num_components": lambda number: GaussianMixture(2, number),
            "num_layers": lambda number: RealNVP(4, number),
            "hidden": lambda number: RealNVP(4, 2, number),
            "num_mixtures": lambda number: DiscretizedLogisticMixture(256, number),
        }.items():
            with pytest.raises(UserError, match=f"^{name} must be an integer of at least 1, but"):
                make(number)
        with pytest.raises(UserError, match="^num_components must be an integer of at least 1,"):
            VampPrior(2, SHAPE, number)
    with pytest.raises(UserError, match="hidden must list the layers of each of the 2 groups"):
        ladder(hidden=((5,),))
    with pytest.raises(UserError, match="latent_dims must list each group's size.* but is 64"):
        HierarchicalVAE(SHAPE, 64)
    with pytest.raises(UserError, match="hidden must list at least one layer's size, but is 256"):
        VAE(SHAPE, 2, 256)
    with pytest.raises(UserError, match="num_samples must be at most 1,000,000,000, but is 2,147"):
        vae().log_prob_bound(EVERY_IMAGE, range(16), 2**31 - 1)
    with pytest.raises(UserError, match="latents must be finite"):
        vae().decode([[np.nan, 0.0]])
    for latents in (None, [[1.0, 2.0], [1.0]], [["a", "b"]]):
        with pytest.raises(UserError, match=r"^latents must be floats of shape \[batch, 2\], but"):
            vae().decode(latents)
    for shape in (8, None, (8, 8), (8, 8, 0), "881"):
        with pytest.raises(UserError, match="^image_shape must be three integers, .* but is"):
            VampPrior(4, shape)
        with pytest.raises(UserError, match="^image_shape must be three integers, .* but is"):
            VAE(shape)
    with pytest.raises(UserError, match="hidden must list layers for each group"):
        ladder(hidden=(5, 4))
    with pytest.raises(UserError, match="network must be one of dense, convolutional, spatial"):
        ladder(network="deep")
    with pytest.raises(UserError, match="latent_dims must list each group's size"):
        ladder(latent_dims=(3, 0))
    with pytest.raises(UserError, match="a variance needs at least 2 images"):
        vae().active_units(EVERY_IMAGE[:1])
