"""A user's own networks train, save and reload, or are refused in one sentence."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.games import Hinge, Relativistic, Wasserstein
from tfgen.layers.spectral_norm import SpectralDense
from tfgen.likelihoods import Bernoulli
from tfgen.models import GAN, VAE, Autoencoder
from tfgen.objectives import IWAE
from tfgen.optimizers import LossScale
from tfgen.priors import VampPrior
from tfgen.sampling.noise import StepNoise

SHAPE = (2, 2, 1)
EVERY_IMAGE = np.array(list(itertools.product([0, 255], repeat=4)), np.uint8).reshape(16, *SHAPE)


def vae(**arguments):
    keras.utils.set_random_seed(1)
    return VAE(SHAPE, latent_dim=2, hidden=(5,), likelihood=Bernoulli(), **arguments)


def own_networks(num_classes=0, latent_dim=2):
    layers = keras.layers
    images, codes = keras.Input(SHAPE), keras.Input((latent_dim,))
    x = layers.Flatten()(images)
    labels = [keras.Input((), dtype="int32") for _ in range(bool(num_classes))]
    if labels:
        x = layers.Concatenate()([x, layers.Embedding(num_classes, 3)(labels[0])])
    x = layers.Dense(2 * latent_dim)(layers.Dense(7, "gelu")(x))
    y = layers.Reshape(SHAPE)(layers.Dense(4)(layers.Dense(6, "gelu")(codes)))
    more = [keras.Input((), dtype="int32") for _ in range(bool(num_classes))]
    if more:
        y = y + layers.Reshape((1, 1, 1))(layers.Embedding(num_classes, 1)(more[0]))
    return (
        keras.Model([images, *labels] if labels else images, x),
        keras.Model([codes, *more] if more else codes, y),
    )


@pytest.mark.parametrize("settings", [{}, {"objective": IWAE(2)}], ids=["ELBO", "IWAE"])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_own_networks_train_save_and_reload(num_classes, settings, tmp_path):
    encoder, decoder = own_networks(num_classes)
    settings = {**settings, "prior": VampPrior(2, SHAPE, 3, num_classes)}
    model = vae(num_classes=num_classes, encoder=encoder, decoder=decoder, **settings)
    model.adapt(EVERY_IMAGE)
    assert model.encoder is encoder and model.decoder is decoder
    labels = np.arange(16) % 3 if num_classes else None
    model.compile("adam")
    model.fit(EVERY_IMAGE, labels, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.log_prob_bound(EVERY_IMAGE, np.arange(16), 5, labels),
        model.log_prob_bound(EVERY_IMAGE, np.arange(16), 5, labels),
    )


def test_an_autoencoders_own_networks_train_save_and_reload(tmp_path):
    encoder, decoder = own_networks(latent_dim=4)[0], own_networks(latent_dim=8)[1]
    model = Autoencoder(SHAPE, latent_dim=8, encoder=encoder, decoder=decoder)
    assert model.encoder is encoder and model.decoder is decoder
    model.adapt(EVERY_IMAGE)
    model.compile("adam")
    model.fit(EVERY_IMAGE, epochs=2, verbose=0)
    model.finish(EVERY_IMAGE)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.encode(EVERY_IMAGE), model.encode(EVERY_IMAGE))
    np.testing.assert_array_equal(again.sample(5), model.sample(5))
    with pytest.raises(UserError, match=r"the encoder must map .* to float \[b, 3\]"):
        Autoencoder(SHAPE, latent_dim=3, encoder=encoder)


@keras.saving.register_keras_serializable(package="tests")
class OwnDecoder(keras.Model):
    """A subclass, which knows neither its inputs nor what its layers return."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(6, "gelu")
        self.last = keras.layers.Dense(4)
        self.shaped = keras.layers.Reshape(SHAPE)

    def call(self, codes):
        codes, shift = codes if isinstance(codes, list) else (codes, None)
        y = self.shaped(self.last(self.hidden(codes)))
        return y if shift is None else y + keras.ops.cast(shift, y.dtype)[:, None, None, None]


@pytest.mark.parametrize("kind", ["Autoencoder", "VAE", "conditional VAE"])
def test_an_own_network_may_be_a_subclass_of_keras_model(kind, tmp_path):
    labels = np.arange(16) % 3 if "conditional" in kind else None
    if kind == "Autoencoder":
        model = Autoencoder(SHAPE, 2, (5,), decoder=OwnDecoder())
    else:
        model = vae(decoder=OwnDecoder(), num_classes=3 if "conditional" in kind else 0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    codes = model.encode(EVERY_IMAGE, labels)
    given = codes if labels is None else [codes, tf.constant(labels)]
    pixels = again.plain_networks()["decoder"](given)
    np.testing.assert_allclose(pixels, model.decode(codes, labels), atol=0.51)
    if kind != "Autoencoder":
        bounds = [m.log_prob_bound(EVERY_IMAGE, np.arange(16), 5, labels) for m in (model, again)]
        np.testing.assert_array_equal(*bounds)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.BatchNormalization(),
        keras.layers.SpatialDropout1D(0.5),
        keras.layers.AlphaDropout(0.5),
        keras.layers.GaussianDropout(0.5),
        keras.layers.GaussianNoise(0.5),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_own_networks_with_layers_that_differ_in_training_are_refused(layer):
    nested = keras.Sequential([keras.Input((4, 1)), layer])
    encoder = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Reshape((4, 1)), nested, keras.layers.Flatten()]
    )
    with pytest.raises(UserError, match=f"encoder's layer '{layer.name}' is a .* leave it out."):
        vae(encoder=encoder)


def frozen_encoder():
    images = keras.Input(SHAPE)
    x = keras.layers.Dense(5, "gelu")(keras.layers.Flatten()(images))
    normalized = keras.layers.BatchNormalization(name="normalized", trainable=False)
    return keras.Model(images, keras.layers.Dense(4)(normalized(x)))


def test_frozen_batch_normalisation_stays_frozen(tmp_path):
    encoder = frozen_encoder()
    rng = np.random.default_rng(0)
    frozen = [rng.uniform(0.5, 2, 5) for _ in range(4)]
    encoder.get_layer("normalized").set_weights(frozen)
    model = vae(encoder=encoder)
    model.compile("adam")
    model.fit(EVERY_IMAGE, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.elbo(EVERY_IMAGE), model.elbo(EVERY_IMAGE))
    again.fit(EVERY_IMAGE, verbose=0)
    for trained in (model, again):
        layer = trained.encoder.get_layer("normalized")
        assert not layer.trainable
        np.testing.assert_allclose(layer.get_weights(), frozen, rtol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
class OwnNormalizedEncoder(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flat, self.last = keras.layers.Flatten(), keras.layers.Dense(4)
        self.normalized = keras.layers.BatchNormalization()

    def call(self, images, training=False):
        return self.normalized(self.last(self.flat(images)), training=training)


def test_batch_normalisation_that_would_not_be_frozen_once_reloaded_is_refused():
    encoder = OwnNormalizedEncoder()
    encoder.normalized.trainable = False
    sentence = "the encoder could not be loaded again .* give it trainable=False where it is made.$"
    with pytest.raises(UserError, match=sentence):
        vae(encoder=encoder)


def decoder_of(*layers):
    return keras.Sequential([keras.Input((2,)), *layers])


@pytest.mark.parametrize("end", ["layer", "convolution", "activation", "network", "operation"])
def test_a_decoder_that_ends_in_a_sigmoid_is_refused(end):
    layers, codes = keras.layers, keras.Input((2,))
    shaped = layers.Reshape(SHAPE)
    if end == "layer":
        decoder = decoder_of(layers.Dense(4, "sigmoid"), shaped)
    elif end == "convolution":
        last = layers.Conv2DTranspose(1, 2, (1, 2), "same", activation="sigmoid")
        decoder = decoder_of(layers.Reshape((2, 1, 1)), last)
    elif end == "activation":
        decoder = decoder_of(layers.Dense(4), layers.Activation("sigmoid"), shaped)
    elif end == "network":
        decoder = decoder_of(decoder_of(layers.Dense(4, "sigmoid")), shaped)
    else:
        decoder = keras.Model(codes, shaped(keras.ops.sigmoid(layers.Dense(4)(codes))))
    sentence = "^the decoder ends in a sigmoid, but"
    with pytest.raises(UserError, match=f"{sentence} the likelihood takes .* leave the activation"):
        vae(decoder=decoder)
    with pytest.raises(UserError, match=f"{sentence} black is -1 and white is 1; end it in tanh"):
        Autoencoder(SHAPE, 2, decoder=decoder)


def test_a_decoder_that_ends_in_a_softmax_is_refused():
    for last in (keras.layers.Softmax(axis=1), keras.layers.Activation("softmax")):
        with pytest.raises(UserError, match="^the decoder ends in a softmax, but the likelihood"):
            vae(decoder=decoder_of(keras.layers.Dense(4), last, keras.layers.Reshape(SHAPE)))


def test_a_sigmoid_that_does_not_end_a_decoder_may_be():
    layers, codes = keras.layers, keras.Input((2,))
    gated = layers.Dense(4)(codes) * layers.Dense(4, "sigmoid")(codes)
    scaled = 2 * layers.Dense(4, "sigmoid")(codes) - 1
    for pixels in (gated, scaled, layers.Dense(4, "tanh")(codes)):
        decoder = keras.Model(codes, layers.Reshape(SHAPE)(pixels))
        assert Autoencoder(SHAPE, 2, decoder=decoder).decoder is decoder


def test_own_networks_that_are_random_are_refused():
    encoder = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.RandomTranslation(0.5, 0.5), keras.layers.Flatten()]
    )
    with pytest.raises(UserError, match="the encoder does something else in training, as layers"):
        vae(encoder=encoder)


class Unnamed(keras.layers.Layer):
    def call(self, x):
        return x


@pytest.mark.parametrize("layer", [keras.layers.Lambda(lambda x: x), Unnamed()], ids=["1", "2"])
def test_own_networks_that_could_not_be_loaded_are_refused(layer):
    encoder = keras.Sequential([keras.Input(SHAPE), layer, keras.layers.Flatten()])
    with pytest.raises(UserError, match="the encoder could not be loaded again once it is saved"):
        vae(encoder=encoder)


@pytest.mark.parametrize("where", ["kernel_regularizer", "activity_regularizer"])
def test_own_networks_with_losses_of_their_own_are_refused(where):
    encoder = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(4, **{where: "l2"})]
    )
    with pytest.raises(UserError, match="the encoder has losses of its own, as regularisers add"):
        vae(encoder=encoder)


def test_attention_without_dropout_is_no_layer_that_differs_in_training():
    images = keras.Input(SHAPE)
    x = keras.layers.Reshape((4, 1))(images)
    x = keras.layers.Flatten()(keras.layers.MultiHeadAttention(1, 2)(x, x))
    encoder = keras.Model(images, x)
    assert vae(encoder=encoder).encoder is encoder


def test_what_goes_wrong_inside_an_own_layer_is_told():
    class Broken(keras.layers.Layer):
        def call(self, x):
            raise ValueError("this layer is broken")

    encoder = OwnDecoder()
    encoder.hidden = Broken()
    with pytest.raises(UserError, match="cannot be called with .*: this layer is broken$"):
        vae(encoder=encoder)


def test_own_networks_that_do_not_fit_are_refused():
    encoder, decoder = own_networks()
    other_encoder, other_decoder = own_networks(latent_dim=3)
    sentence = r"the encoder must map float \[b, 2, 2, 1\] to float \[b, 4\], but .* \[2, 6\]"
    with pytest.raises(UserError, match=sentence):
        vae(encoder=other_encoder)
    with pytest.raises(UserError, match=r"the decoder cannot be called with float \[b, 2\]"):
        vae(decoder=other_decoder)
    with pytest.raises(UserError, match="the encoder cannot be called with .* and int labels"):
        vae(encoder=encoder, num_classes=3)
    with pytest.raises(UserError, match="the decoder must be a Keras model, but is function"):
        vae(decoder=lambda z: z)


def own_players(num_classes=0, latent_dim=3, mixing=False):
    """A generator with batch normalisation and a discriminator with dropout."""
    layers = keras.layers
    latents, images = keras.Input((latent_dim,)), keras.Input(SHAPE)
    labels = [keras.Input((), dtype="int32") for _ in range(2 * bool(num_classes))]
    x, y = latents, layers.Flatten()(images)
    if labels:
        x = layers.Concatenate()([x, layers.Embedding(num_classes, 2)(labels[0])])
        y = layers.Concatenate()([y, layers.Embedding(num_classes, 2)(labels[1])])
    x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(6)(x)))
    x = layers.Reshape(SHAPE)(layers.Dense(4, "tanh")(x))
    y = layers.Dropout(0.3)(layers.Dense(6, "gelu")(y))
    y = layers.Dense(1)(layers.BatchNormalization()(y) if mixing else y)
    return (
        keras.Model([latents, labels[0]] if labels else latents, x),
        keras.Model([images, labels[1]] if labels else images, y),
    )


@pytest.mark.parametrize("num_classes", [0, 3])
def test_own_players_train_save_and_reload(num_classes, tmp_path):
    generator, discriminator = own_players(num_classes)
    model = GAN(SHAPE, 3, num_classes=num_classes, generator=generator, discriminator=discriminator)
    assert model.generator is generator and model.discriminator is discriminator
    labels = np.arange(16) % 3 if num_classes else None
    given = model.noise(np.arange(16))
    given = given if labels is None else [given, tf.constant(labels, tf.int32)]
    pixels = np.clip(np.round((np.array(generator(given)) + 1) * 127.5), 0, 255)
    np.testing.assert_array_equal(model.sample(16, labels=labels), pixels)  # the average's start
    before = [np.array(w) for w in model.weights]
    model.compile("adam")
    model.fit(EVERY_IMAGE, labels, epochs=2, verbose=0)
    assert all(np.any(w != old) for w, old in zip(model.weights, before, strict=True))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    samples = model.sample(16, labels=labels)
    np.testing.assert_array_equal(again.sample(16, labels=labels), samples)
    for one, other in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(again.plain_networks()["generator"](given), samples, atol=0.51)


@pytest.mark.parametrize("own", ["generator", "discriminator"])
def test_one_player_may_be_own_and_the_other_made(own, tmp_path):
    player = own_players()[own == "discriminator"]
    model = GAN(SHAPE, 3, (5,), (5,), **{own: player})
    again = GAN.from_config(model.get_config())
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    assert getattr(again, own).count_params() == player.count_params()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.sample(5), model.sample(5))


@keras.saving.register_keras_serializable(package="tests")
class OwnDiscriminator(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flat, self.last = keras.layers.Flatten(), keras.layers.Dense(1)

    def call(self, images):
        return self.last(self.flat(images))


def test_own_players_may_be_subclasses_of_keras_model(tmp_path):
    keras.utils.set_random_seed(0)
    players = {"generator": OwnDecoder(), "discriminator": OwnDiscriminator()}
    model = GAN(SHAPE, 3, **players, game=Relativistic())
    model.compile("adam", run_eagerly=True)
    model.fit(EVERY_IMAGE, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.sample(5), model.sample(5))
    pixels = again.plain_networks()["generator"](model.noise(np.arange(5)))
    np.testing.assert_allclose(pixels, model.sample(5), atol=0.51)


@keras.saving.register_keras_serializable(package="tests")
class NoisyDiscriminator(OwnDiscriminator):
    """With a weight that counts in training alone, and statistics of the training data."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.strength = self.add_weight(name="strength", shape=(), initializer="ones")
        self.normalized = keras.layers.BatchNormalization()

    def call(self, images, training=False):
        x = self.normalized(images, training=training)
        if training:
            x += self.strength * keras.random.normal(keras.ops.shape(x))
        return super().call(x)


def test_weights_of_own_players_may_count_in_training_alone():
    discriminator = NoisyDiscriminator()
    model = GAN(SHAPE, 3, discriminator=discriminator, game=Hinge())
    np.testing.assert_array_equal(discriminator.normalized.moving_mean, [0.0])
    model.compile("adam")
    model.fit(EVERY_IMAGE, verbose=0)
    assert discriminator.strength != 1


@keras.saving.register_keras_serializable(package="tests")
class HalfUsed(OwnDiscriminator):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.idle = keras.layers.Dense(3, name="idle")

    def call(self, images):
        self.idle(images)
        return super().call(images)


@keras.saving.register_keras_serializable(package="tests")
class HalfUsedGenerator(OwnDecoder):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.idle = keras.layers.Dense(3, name="idle")

    def call(self, codes):
        self.idle(codes)
        return super().call(codes)


@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_own_players_with_a_weight_without_a_gradient_are_refused(role):
    player = {"generator": HalfUsedGenerator, "discriminator": HalfUsed}[role]()
    with pytest.raises(UserError, match=f"^the {role}'s weight '.*idle/kernel' gets no gradient"):
        GAN(SHAPE, 3, **{role: player})
    player.idle.trainable = False
    GAN(SHAPE, 3, **{role: player})


def test_own_players_may_end_in_half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator, discriminator = own_players()
        players = {"generator": generator, "discriminator": discriminator}
        model = GAN(SHAPE, 3, **players, game=Wasserstein())
    finally:
        keras.config.set_dtype_policy(before)
    assert generator.output.dtype == discriminator.output.dtype == "bfloat16"
    model.compile("adam", run_eagerly=True)
    logs = model.train_on_batch(EVERY_IMAGE, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values())
    scores = model.losses(tf.constant(EVERY_IMAGE), None, StepNoise(0, 0), training=False)
    assert all(value.dtype == tf.float32 for value in scores.values())


def test_own_players_that_do_not_fit_are_refused():
    generator, discriminator = own_players()
    _, mixing = own_players(mixing=True)
    for game in (Relativistic(), Wasserstein()):
        with pytest.raises(UserError, match="penalises .* take a discriminator without it.$"):
            GAN(SHAPE, 3, game=game, discriminator=mixing)
    GAN(SHAPE, 3, game=Hinge(), discriminator=mixing)
    with pytest.raises(UserError, match=r"the generator cannot be called with float \[b, 4\]"):
        GAN(SHAPE, 4, generator=generator)
    sentence = (
        r"the generator must map float \[b, 3\] to float \[b, 4, 4, 1\], but .* \[2, 2, 2, 1\]"
    )
    with pytest.raises(UserError, match=sentence):
        GAN((4, 4, 1), 3, generator=generator)
    encoder, _ = own_networks()
    with pytest.raises(UserError, match=r"the discriminator must map .* to float \[b, 1\], but"):
        GAN(SHAPE, 3, discriminator=encoder)
    with pytest.raises(UserError, match="the discriminator cannot be called with .* int labels"):
        GAN(SHAPE, 3, num_classes=3, discriminator=discriminator)
    with pytest.raises(UserError, match="the generator must be a Keras model, but is function"):
        GAN(SHAPE, 3, generator=lambda z: z)
    lambdas = keras.Sequential([generator, keras.layers.Lambda(lambda x: x)])
    with pytest.raises(UserError, match="the generator could not be loaded again once it is saved"):
        GAN(SHAPE, 3, generator=lambdas)
    _, labelled = own_players(3)
    with pytest.raises(UserError, match="cannot be an auxiliary classifier; leave out"):
        GAN(SHAPE, 3, num_classes=3, conditioning="auxiliary_classifier", discriminator=labelled)


@keras.saving.register_keras_serializable(package="tests")
class BatchSpread(keras.layers.Layer):
    """As minibatch standard deviation: what it says of an image depends on all."""

    def call(self, x):
        return x * keras.ops.std(x, axis=0, keepdims=True)


def test_a_penalty_needs_a_discriminator_of_single_images():
    def discriminator(*between):
        layers = keras.layers
        return keras.Sequential(
            [keras.Input(SHAPE), layers.Flatten(), layers.Dense(4), *between, layers.Dense(1)]
        )

    spread = discriminator(BatchSpread())
    with pytest.raises(UserError, match="^Relativistic penalises .* mixes the images of a batch"):
        GAN(SHAPE, 3, game=Relativistic(), discriminator=spread)
    GAN(SHAPE, 3, game=Hinge(), discriminator=spread)
    for alone in (keras.layers.BatchNormalization(trainable=False), keras.layers.Dropout(0.5)):
        GAN(SHAPE, 3, game=Relativistic(), discriminator=discriminator(alone))


@pytest.mark.parametrize("n_critic", [1, 2])
def test_the_spectral_norms_of_an_own_generator_follow_its_moves(n_critic):
    generator = keras.Sequential(
        [keras.Input((3,)), SpectralDense(8), SpectralDense(4, activation="tanh")]
        + [keras.layers.Reshape(SHAPE)]
    )
    model = GAN(SHAPE, 3, generator=generator, n_critic=n_critic)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    layer = generator.layers[0]
    expected = SpectralDense(8)
    expected.build([None, 3])
    expected.set_weights(layer.get_weights())
    for _ in range(3):
        model.train_on_batch(EVERY_IMAGE)
        expected.iterate()
        np.testing.assert_allclose(layer.u, expected.u, rtol=1e-5)


def test_spectral_norms_that_nothing_would_iterate_are_refused():
    layers = keras.layers
    decoder = keras.Sequential([keras.Input((3,)), SpectralDense(4), layers.Reshape(SHAPE)])
    with pytest.raises(UserError, match="^the decoder's layer '.*' is a SpectralDense, which does"):
        VAE(SHAPE, 3, decoder=decoder, likelihood=Bernoulli())
    normalized = layers.SpectralNormalization(layers.Dense(4, "tanh"))
    generator = keras.Sequential([keras.Input((3,)), normalized, layers.Reshape(SHAPE)])
    with pytest.raises(UserError, match="^the generator's layer '.*' is a SpectralNormalization"):
        GAN(SHAPE, 3, generator=generator)


def test_own_players_in_float16_have_their_losses_scaled():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        generator, discriminator = own_players()
    finally:
        keras.config.set_dtype_policy(before)
    for players in ({"generator": generator}, {"discriminator": discriminator}):
        model = GAN(SHAPE, 3, (5,), (5,), **players)
        model.compile("adam")
        assert {type(getattr(model, name)) for name in model.optimizer_names} == {LossScale}


def test_own_players_that_would_never_see_the_labels_are_refused():
    layers = keras.layers
    generator = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, "tanh"), layers.Reshape(SHAPE)]
    )
    discriminator = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(1)])
    given = r"cannot be called with .* and int labels \[b\], since a Sequential has one input"
    with pytest.raises(UserError, match=f"^the generator {given}; make a keras.Model of two"):
        GAN(SHAPE, 3, num_classes=3, generator=generator)
    unbuilt = keras.Sequential([layers.Flatten(), layers.Dense(1)])
    for network in (discriminator, unbuilt):
        with pytest.raises(UserError, match=f"^the discriminator {given}; make a keras.Model"):
            GAN(SHAPE, 3, num_classes=3, discriminator=network)
    # The posterior of an image may leave out its label.
    encoder = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(4)])
    assert vae(num_classes=3, encoder=encoder).encoder is encoder


def test_what_does_not_fit_is_told_without_the_numbers_of_an_example():
    discriminator = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    with pytest.raises(UserError) as told:
        GAN(SHAPE, 64, generator=discriminator)
    sentence = str(told.value)
    assert sentence.startswith("the generator cannot be called with float [b, 64]: Invalid input")
    assert "expected shape" in sentence.lower() and "(2, 64)" in sentence and "0." not in sentence


@pytest.mark.parametrize("end", ["sigmoid", "hard_sigmoid", "softmax"])
def test_own_players_that_end_in_what_they_should_not_are_refused(end):
    layers = keras.layers
    generator = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4), layers.Reshape(SHAPE), layers.Activation(end)]
    )
    discriminator = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(1, end)])
    with pytest.raises(UserError, match=f"^the generator ends in a {end}, .* end it in a tanh.$"):
        GAN(SHAPE, 3, generator=generator)
    sentence = f"^the discriminator ends in a {end}, but games take logits; end it in a linear"
    with pytest.raises(UserError, match=sentence):
        GAN(SHAPE, 3, discriminator=discriminator)


def test_spectral_norms_of_an_own_discriminator_are_those_of_its_layers():
    layers = keras.layers
    _, discriminator = own_players()
    with pytest.raises(UserError, match="^spectral_norm is not for a discriminator of your own"):
        GAN(SHAPE, 3, discriminator=discriminator, spectral_norm=True)
    normalized = layers.SpectralNormalization(layers.Dense(1), name="normalized")
    discriminator = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), normalized])
    with pytest.raises(UserError, match="^the discriminator's layer 'normalized' is a Spectral"):
        GAN(SHAPE, 3, discriminator=discriminator)
