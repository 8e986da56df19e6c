"""Print training images/s of each game and architecture beside the bare passes of its networks.

usage: python tests/benchmarks/games.py [--json FILE] [--models REGULAR_EXPRESSION]

28x28 images, batches of 64. The bare passes are what no training step can do without: forward and
backward through the discriminator for training and generated images, with the game's loss and
penalty, and through both networks for the generator, with a pass over training images if the game
pairs them; no noise, optimizer or moving average. Both run 10 steps an execution on what was
prepared before; theirs are the best of 3 rounds of 20 steps after compilation.
"""

import re

import numpy as np
import tensorflow as tf
from absl import app, flags
from report import best_seconds, execution, report

from tfgen.games import GAMES, Judged
from tfgen.models import DCGAN, GAN, R3GAN
from tfgen.optimizers import FusedAdam
from tfgen.sampling.noise import StepNoise

JSON = flags.DEFINE_string("json", None, "file for the figures")
CHOSEN = flags.DEFINE_string("models", "", "regular expression of the models to measure")

SHAPE, BATCH, STEPS, STEPS_PER_EXECUTION = (28, 28, 1), 64, 20, 10
MODELS = {
    **{f"GAN, dense, {game}": lambda game=game: GAN(SHAPE, game=game) for game in GAMES},
    "GAN, dense, hinge, spectral norm": lambda: GAN(SHAPE, game="hinge", spectral_norm=True),
    "GAN, convolutions 32-64, non_saturating": lambda: GAN(
        SHAPE, 64, (32, 64), (32, 64), "convolutional"
    ),
    "DCGAN, 32-64, non_saturating": lambda: DCGAN(SHAPE, 64, (32, 64)),
    "R3GAN, 16-32-64, relativistic": lambda: R3GAN(SHAPE, 64, (16, 32, 64), 1),
}


def bare_execution(model, real, z):
    """Return a function that makes the passes of as many steps, with images and noise z."""
    generator, discriminator, game = model.generator, model.discriminator, model.game

    def logits(images):
        return discriminator(images, training=True)[:, 0]

    def after(number, values):
        # A move waits for the one before. Else steps would run at once, and equal passes as one.
        return values + 1e-9 * number

    def total(gradients):
        return tf.add_n([tf.reduce_sum(g) for g in gradients if g is not None])

    def passes(last):
        fake = generator(after(last, z), training=True)
        with tf.GradientTape() as tape:
            judged, fake = Judged(logits, after(last, real)), Judged(logits, fake)
            loss = tf.reduce_mean(game.discriminator_loss(judged.logits, fake.logits))
            loss += tf.reduce_mean(game.penalty(logits, judged, fake, StepNoise(0, 0)))
        moved = total(tape.gradient(loss, discriminator.trainable_variables))
        real_logits = logits(after(moved, real)) if game.pairs else None
        with tf.GradientTape() as tape:
            fake_logits = logits(generator(after(moved, z), training=True))
            loss = tf.reduce_mean(game.generator_loss(real_logits, fake_logits))
        return total(tape.gradient(loss, generator.trainable_variables))

    @tf.function
    def execute():
        last = tf.zeros([])
        for _ in tf.range(STEPS_PER_EXECUTION):
            last = passes(last)
        return last

    return execute


def measure(name):
    model = MODELS[name]()
    model.compile(FusedAdam(1e-4), steps_per_execution=STEPS_PER_EXECUTION)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, [BATCH, *SHAPE]).astype(np.uint8)
    real = tf.constant(rng.uniform(-1, 1, [BATCH, *SHAPE]), tf.float32)
    z = tf.constant(rng.normal(size=[BATCH, model.latent_dim]), tf.float32)
    both = execution(model, images), bare_execution(model, real, z)
    training, bare = best_seconds(
        *(lambda f=f: [f() for _ in range(STEPS // STEPS_PER_EXECUTION)] for f in both)
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
