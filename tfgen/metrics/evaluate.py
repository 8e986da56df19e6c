"""All figures that a model allows, under one protocol for all families."""

import numpy as np

from tfgen.data import BINARIZATION_SEED
from tfgen.metrics.frechet import frechet_distance
from tfgen.metrics.kernel_distance import kernel_distance
from tfgen.metrics.log_likelihood import bits_per_dim, mean_score
from tfgen.models.autoencoder import Autoencoder
from tfgen.models.base import TractableModel
from tfgen.models.variational import VariationalModel
from tfgen.models.vq_vae import VQVAE

SAMPLES = 2000
MAX_DIMENSIONS = 1024
ACTIVE_VARIANCE = 0.01


def evaluate(model, data, split="test", seed=0, importance_samples=500):
    """Return name -> {value, unit, standard_error, protocol, split, n, seed} of a model on a split.

    Args:
        model: a `GenerativeModel`.
        data: the `ImageData` to score it on, of the model's shape and levels.
        split: "train", "validation" or "test".
        seed: the first seed of the samples.
        importance_samples: codes an image for the bound of a VAE.

    A tractable model's log-likelihood is exact; a VAE's are bounds and called so. Sample quality is
    measured for every family alike, on raw pixels, beside its floor: the same distance between
    training images and the split's images.
    """
    figures = {}
    if isinstance(model, TractableModel):
        figures |= _nats(
            "negative log-likelihood", "exact", model.log_prob, model, data, split, seeded=False
        )
    if isinstance(model, VariationalModel):
        figures |= _bounds(model, data, split, importance_samples)
    if isinstance(model, VQVAE):

        def elbo(images, labels):
            return model.elbo(images, labels=labels)

        how = "upper bound on the negative log-likelihood, nothing drawn"
        figures |= _nats("negative ELBO", how, elbo, model, data, split, seeded=False)
    if isinstance(model, Autoencoder):
        figures |= _reconstruction_error(model, data, split)
    return figures | _sample_quality(model, data, split, seed)


def _bounds(model, data, split, importance_samples):
    def bound(images, seeds, labels):
        return model.log_prob_bound(images, seeds, importance_samples, labels)

    def minus_rate(images, seeds, labels):
        return -model.rate_distortion(images, seeds, labels)[0]

    how = "upper bound on the negative log-likelihood"
    figures = _nats(
        f"importance-weighted bound, k={importance_samples}", how, bound, model, data, split
    )
    figures |= _nats("negative ELBO", "one sample an image", model.elbo, model, data, split)
    rate = _nats("rate", "KL(q || p), the ELBO's other part", minus_rate, model, data, split)
    labels = data.labels(split) if model.num_classes else None
    variances = model.active_units(data.images(split), labels)
    active = {
        "value": int(np.sum(variances > ACTIVE_VARIANCE)),
        "unit": f"of {model.latent_dim}",
        "protocol": f"codes whose variance over the {len(data.images(split))} images of split "
        f"{split} exceeds {ACTIVE_VARIANCE}",
        "split": split,
        "n": len(data.images(split)),
        "seed": None,
    }
    return {**figures, "rate": rate["rate"], "active units": active}


def _nats(name, how, score, model, data, split, seeded=True):
    def scores(images, labels, seeds):
        labels = labels if model.num_classes else None
        return score(images, seeds, labels) if seeded else score(images, labels)

    mean, error, n = mean_score(scores, data, split)
    binarised = f"; binarised once, seed {BINARIZATION_SEED}" if data.levels == 2 else ""
    protocol = f"{how}; all {n} images of split {split}{binarised}"
    about = {"protocol": protocol, "split": split, "n": n, "seed": 0 if seeded else None}
    shape = data.image_shape
    return {
        name: {
            "value": float(-mean),
            "standard_error": float(error),
            "unit": "nats/image",
            **about,
        },
        f"{name}, bits/dim": {
            "value": float(bits_per_dim(-mean, shape)),
            "standard_error": float(bits_per_dim(error, shape)),
            "unit": "bits/dim",
            **about,
        },
    }


def _reconstruction_error(model, data, split):
    def error(images, labels, seeds):
        difference = (
            np.asarray(images, float) - np.asarray(model.reconstruct(images), float)
        ) / 255
        return np.mean(difference**2, axis=(1, 2, 3))

    mean, standard_error, n = mean_score(error, data, split)
    return {
        "reconstruction error": {
            "value": float(mean),
            "standard_error": float(standard_error),
            "unit": "",
            "protocol": f"mean squared error of pixels in [0, 1]; all {n} images of split {split}",
            "split": split,
            "n": n,
            "seed": None,
        }
    }


def _sample_quality(model, data, split, seed):
    dimensions = int(np.prod(data.image_shape))
    real = _pixels(data.images(split))
    if dimensions > MAX_DIMENSIONS or len(real) <= dimensions:
        return {}
    n = max(SAMPLES, 2 * dimensions)
    labels = np.resize(data.labels(split), n) if model.num_classes else None
    fake = _pixels(model.sample(n, seed=seed, labels=labels))
    train = _pixels(data.images("train", 10_000))
    protocol = f"{n} samples against the {len(real)} images of split {split}"
    if model.num_classes:
        protocol += ", labels as in the split"
    figures = {}
    for name, distance, digits in (
        ("Fréchet distance, raw pixels", frechet_distance, 3),
        ("kernel distance, raw pixels", kernel_distance, 5),
    ):
        floor = distance(train, real)
        figures[name] = {
            "value": distance(fake, real),
            "floor": floor,
            "unit": "",
            "protocol": f"{protocol}; pixels in [-1, 1]; training images score {floor:.{digits}f}",
            "split": split,
            "n": n,
            "seed": seed,
        }
    return figures


def _pixels(images):
    return images.reshape(len(images), -1).astype(np.float64) / 127.5 - 1
