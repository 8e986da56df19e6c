"""All figures that a model allows, under one protocol for all families."""

import numpy as np

from tfgen.data import BINARIZATION_SEED
from tfgen.errors import UserError, check_counts
from tfgen.metrics.known_modes import KNOWN, known_modes
from tfgen.metrics.log_likelihood import bits_per_dim, mean_score
from tfgen.metrics.progress import progress
from tfgen.metrics.sample_quality import check_features, first_images, sample_quality
from tfgen.models.autoencoder import Autoencoder
from tfgen.models.base import TractableModel
from tfgen.models.variational import VariationalModel
from tfgen.models.vq_vae import VQVAE
from tfgen.priors import StandardNormal

ACTIVE_VARIANCE = 0.01


def evaluate(
    model,
    data,
    split="test",
    seed=0,
    importance_samples=500,
    sampling_seeds=3,
    features=None,
    samples=None,
):
    """Return name -> {value, unit, standard_error, protocol, split, n, seed} of a model on a split.

    Args:
        model: a `GenerativeModel`.
        data: the `ImageData` to score it on, of the model's shape and levels. Of two levels, where
            the model has more, only samples are compared, drawn black or white.
        split: "train", "validation" or "test".
        seed: the first seed of the samples.
        importance_samples: codes an image for the bound of a VAE.
        sampling_seeds: sets of samples; a figure of several is their mean, beside its "spread",
            their standard deviation.
        features: of `metrics.features`; None: those that suit the shape of the images.
        samples: in each set; None: as many as the split's images up to 10,000, or some 2,000 on
            raw pixels, or as is usual where modes are counted.

    A tractable model's log-likelihood is exact; a VAE's are bounds and called so, and called those
    of a density where its likelihood is one, without bits/dim. Sample quality is measured for every
    family alike, on features of a classifier for 28x28 grey images and on raw pixels for others.
    Beside each figure stands its floor: what other real images score in the samples' place.

    How far it is, is shown on standard error.

    Raises `UserError`, before anything is computed, for images of another shape or number of
    classes than the model's, for `features` that the images do not suit, and for fewer `samples`
    than they need.
    """
    check_counts(sampling_seeds=sampling_seeds, importance_samples=importance_samples)
    _check_suits(model, data)
    if samples is not None:
        check_counts(samples=samples)
    if features or data.name not in KNOWN:
        check_features(features, data, split, samples)  # before what takes minutes
    figures = {}
    if not data.levels == 2 < _levels(model):
        figures |= _of_images(model, data, split, importance_samples)
    if data.name in KNOWN:
        figures |= known_modes(model, data, split, seed, sampling_seeds, samples)
        if not features:
            return figures
    # Of few images a model without any other figure has these all the same: an entry needs one.
    return figures | sample_quality(
        model, data, split, seed, sampling_seeds, features, samples, even_of_few=not figures
    )


def _of_images(model, data, split, importance_samples):
    """Return the figures of how well a model knows the images of a split."""
    figures = {}
    if isinstance(model, TractableModel):
        figures |= _nats(
            "negative log-likelihood", "exact", model.log_prob, model, data, split, seeded=False
        )
    if isinstance(model, VariationalModel):
        figures |= _bounds(model, data, split, importance_samples)
    if isinstance(model, VQVAE):
        figures |= _exact_bound(model, data, split)
    if isinstance(model, Autoencoder):
        figures |= _reconstruction_error(model, data, split)
    return figures


def _check_suits(model, data):
    if tuple(model.image_shape) != data.image_shape:
        raise UserError(
            f"the model takes images of shape {list(model.image_shape)}, but those of "
            f"'{data.name}' have {list(data.image_shape)}."
        )
    if model.num_classes not in (0, data.num_classes):
        raise UserError(
            f"the model's number of classes is {model.num_classes}, but that of '{data.name}' is "
            f"{data.num_classes}."
        )


def _levels(model):
    """Return the levels of a model's likelihood, 0 for what has none."""
    return getattr(getattr(model, "likelihood", None), "levels", 0)


def _bounds(model, data, split, importance_samples):
    def bound(images, seeds, labels):
        return model.log_prob_bound(images, seeds, importance_samples, labels)

    def minus_rate(images, seeds, labels):
        return -model.rate_distortion(images, seeds, labels)[0]

    what, how = _bounded(model)
    name = f"importance-weighted bound{what}, k={importance_samples}"
    figures = _nats(name, how, bound, model, data, split, in_bits=not what)
    name, once = f"negative ELBO{what}", "one sample an image"
    how = f"{how}, {once}" if what else once
    figures |= _nats(name, how, model.elbo, model, data, split, in_bits=not what)
    how = "KL(q || p), the ELBO's other part"
    if len(model.latent_sizes) > 1 or not isinstance(model.prior, StandardNormal):
        how += f", {once}"  # nothing is drawn for a closed form
    rate = _nats("rate", how, minus_rate, model, data, split)
    figures["rate"] = rate["rate"]
    labels = data.labels(split) if model.num_classes else None
    images = data.images(split)
    if len(images) < 2:
        return figures  # of one image's codes no variance tells anything
    active = model.active_units(images, labels) > ACTIVE_VARIANCE
    figures["active units"] = _count(
        active,
        f"coordinates of the code whose variance over {_all_images(len(images), data, split)} "
        f"exceeds {ACTIVE_VARIANCE}",
        split,
        len(images),
    )
    return figures


def _exact_bound(model, data, split):
    def elbo(images, labels):
        return model.elbo(images, labels=labels)

    def minus_rate(images, labels):
        return -model.rate_distortion(images, labels=labels)[0]

    what, how = _bounded(model)
    how = f"{how}, nothing drawn"
    name = f"negative ELBO{what}"
    figures = _nats(name, how, elbo, model, data, split, seeded=False, in_bits=not what)
    how = "-log p(codes), the ELBO's other part"
    rate = _nats("rate", how, minus_rate, model, data, split, seeded=False)
    figures["rate"] = rate["rate"]
    images = data.images(split)
    how = f"codes of the codebook that occur; {_all_images(len(images), data, split)}"
    figures["codes in use"] = _count(model.code_usage(images) > 0, how, split, len(images))
    return figures


def _count(true, protocol, split, n):
    """Return the figure of how many of some bools are true, found of n images of a split."""
    return {
        "value": int(np.sum(true)),
        "unit": f"of {len(true)}",
        "protocol": protocol,
        "split": split,
        "n": n,
        "seed": None,
    }


def _bounded(model):
    """Return what a name and a protocol say of the quantity that a model's bounds are about."""
    if model.likelihood.is_density:
        what = "upper bound on the negative log-density of pixels in [0, 1]"
        return " on a density", f"{what}, which no likelihood of levels compares with"
    return "", "upper bound on the negative log-likelihood"


def _nats(name, how, score, model, data, split, seeded=True, in_bits=True):
    def scores(images, labels, seeds):
        labels = labels if model.num_classes else None
        return score(images, seeds, labels) if seeded else score(images, labels)

    mean, error, n = _watched_mean(name, scores, data, split)
    binarised = f"; binarised once, seed {BINARIZATION_SEED}" if data.levels == 2 else ""
    protocol = f"{how}; {_all_images(n, data, split)}{binarised}"
    about = {"protocol": protocol, "split": split, "n": n, "seed": 0 if seeded else None}
    figures = {name: {**_estimate(-mean, error), "unit": "nats/image", **about}}
    if in_bits:
        value, error = (x and bits_per_dim(x, data.image_shape) for x in (-mean, error))
        figures[f"{name}, bits/dim"] = {**_estimate(value, error), "unit": "bits/dim", **about}
    return figures


def _watched_mean(what, score, data, split):
    """Return the `mean_score` of `what`, which shows how far it is."""
    size = data.size(split)
    with progress(what, size) as advance:

        def watched(images, labels, seeds):
            values = score(images, labels, seeds)
            advance(min(len(seeds), size - seeds[0]))  # the last batch is padded
            return values

        return mean_score(watched, data, split)


def _all_images(n, data, split):
    if n == 1:
        return f"the one image of split {split}"
    return first_images(n, data, split, every="all")


def _estimate(mean, error):
    """Return the fields of a mean and its standard error, None of one image."""
    value = {"value": float(mean)}
    return value if error is None else {**value, "standard_error": float(error)}


def _reconstruction_error(model, data, split):
    name = "reconstruction error"

    def error(images, labels, seeds):
        difference = (
            np.asarray(images, float) - np.asarray(model.reconstruct(images), float)
        ) / 255
        return np.mean(difference**2, axis=(1, 2, 3))

    mean, standard_error, n = _watched_mean(name, error, data, split)
    return {
        name: {
            **_estimate(mean, standard_error),
            "unit": "",
            "protocol": f"mean squared error of pixels in [0, 1]; {_all_images(n, data, split)}",
            "split": split,
            "n": n,
            "seed": None,
        }
    }
