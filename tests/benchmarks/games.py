"""Print training images/s of each game and architecture beside the bare passes of its networks.

usage: python tests/benchmarks/games.py [--json FILE] [--models REGULAR_EXPRESSION]

28x28 images, batches of 64. The bare passes are what no training step can do without: forward and
backward through the discriminator for training and generated images, with the game's penalty, and
through both networks for the generator; no noise, loss, optimizer or moving average. Both are the
best of 3 rounds of 20 steps after compilation.
"""

import re

import numpy as np
import tensorflow as tf
from absl import app, flags
from report import best_seconds, endless, report

from tfgen.games import GAMES, Judged
from tfgen.models import DCGAN, GAN, R3GAN
from tfgen.optimizers import FusedAdam
from tfgen.sampling.noise import StepNoise

JSON = flags.DEFINE_string("json", None, "file for the figures")
CHOSEN = flags.DEFINE_string("models", "", "regular expression of the models to measure")

SHAPE, BATCH, STEPS = (28, 28, 1), 64, 20
MODELS = {
    **{f"GAN, dense, {game}": lambda game=game: GAN(SHAPE, game=game) for game in GAMES},
    "GAN, dense, hinge, spectral norm": lambda: GAN(SHAPE, game="hinge", spectral_norm=True),
    "GAN, convolutions 32-64, non_saturating": lambda: GAN(
        SHAPE, 64, (32, 64), (32, 64), "convolutional"
    ),
    "DCGAN, 32-64, non_saturating": lambda: DCGAN(SHAPE, 64, (32, 64)),
    "R3GAN, 16-32-64, relativistic": lambda: R3GAN(SHAPE, 64, (16, 32, 64), 1),
}


def bare_passes(model):
    """Return a function of images and noise z that makes the passes of one training step."""
    generator, discriminator = model.generator, model.discriminator

    def logits(images):
        return discriminator(images, training=True)[:, 0]

    @tf.function
    def passes(real, z):
        fake = generator(z, training=True)
        with tf.GradientTape() as tape:
            real, fake = Judged(logits, real), Judged(logits, fake)
            loss = tf.reduce_mean(real.logits) - tf.reduce_mean(fake.logits)
            loss += tf.reduce_mean(model.game.penalty(logits, real, fake, StepNoise(0, 0)))
        gradients = tape.gradient(loss, discriminator.trainable_variables)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(logits(generator(z, training=True)))
        gradients += tape.gradient(loss, generator.trainable_variables)
        # The graph drops what is not asked for.
        return tf.add_n([tf.reduce_sum(g) for g in gradients if g is not None])

    return passes


def measure(name):
    model = MODELS[name]()
    model.compile(FusedAdam(1e-4), steps_per_execution=10)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, [BATCH, *SHAPE]).astype(np.uint8)
    data = endless(images)
    passes = bare_passes(model)
    real = tf.constant(rng.uniform(-1, 1, [BATCH, *SHAPE]), tf.float32)
    z = tf.constant(rng.normal(size=[BATCH, model.latent_dim]), tf.float32)
    training, bare = best_seconds(
        lambda: model.fit(data, steps_per_epoch=STEPS, verbose=0, shuffle=False),
        lambda: [passes(real, z).numpy() for _ in range(STEPS)],
    )
    return {
        "model": name,
        "images_per_second": BATCH * STEPS / training,
        "bare_images_per_second": BATCH * STEPS / bare,
        "training_over_bare": training / bare,
    }


def main(_):
    rows = [measure(name) for name in MODELS if re.search(CHOSEN.value, name)]
    report(rows, JSON.value, width=120)


if __name__ == "__main__":
    app.run(main)
