"""How many modes a model reaches of a data set whose modes are known; see `mode_coverage`."""

import numpy as np
from absl import logging

from tfgen.data import GAUSSIANS, STACKED_MNIST
from tfgen.metrics.features.digit_classifier import digit_classes
from tfgen.metrics.mode_coverage import (
    GAUSSIAN_SAMPLES,
    STACKED_MODES,
    STACKED_SAMPLES,
    gaussian_coverage,
    mode_coverage,
    stacked_digits,
)
from tfgen.metrics.sample_quality import drawn_sets, first_images, over_sets, sets_text

KNOWN = (STACKED_MNIST, *GAUSSIANS)


def known_modes(model, data, split="test", seed=0, sampling_seeds=3, samples=None):
    """Return name -> figure of the modes that samples of a data set of `KNOWN` reach.

    Takes what `evaluate` does. As many samples are drawn as is usual, fewer where the split holds
    fewer images, and none where it holds fewer than there are modes; or `samples`. Those of
    two-level data are drawn black or white first. The floor is what as many real images of the
    split score, or all of them if it holds fewer; a figure that is infinite of either is left out.
    """
    usual, how, units, score = _of_gaussians(data) if data.name in GAUSSIANS else _of_stacks()
    n = samples or min(usual, data.size(split))
    if data.size(split) < data.num_classes:
        logging.info("no modes are counted: the split %s has fewer images than modes", split)
        return {}
    labels = np.resize(data.labels(split, n), n) if model.num_classes else None
    sets, how_drawn = drawn_sets(model, data, n, seed, sampling_seeds, labels)
    if model.num_classes:
        how_drawn = f", labels of split {split}{how_drawn}"
    of_sets = [score(images) for images in sets]
    real = data.images(split, n)
    floors = score(real)
    figures = {}
    for column, (name, unit) in enumerate(units.items()):
        values = [scores[column] for scores in of_sets]
        if not np.isfinite([*values, floors[column]]).all():
            continue  # a divergence of no mode at all, which the number of modes tells as well
        figures[name] = {
            **over_sets(values),
            "floor": floors[column],
            "unit": unit,
            "protocol": f"{n} samples{how_drawn}, {how}{sets_text(values)}; "
            f"{first_images(len(real), data, split)} score {floors[column]:.4g}",
            "split": split,
            "n": n,
            "seed": seed,
            **({"features": "classifier"} if data.name == STACKED_MNIST else {}),
            **({"sampling_seeds": sampling_seeds} if sampling_seeds > 1 else {}),
        }
    return figures


def _of_stacks():
    """Return (usual number of samples, how modes are told, figures and units, images -> scores)."""

    def score(images):
        return mode_coverage(stacked_digits(images, digit_classes), STACKED_MODES)

    units = {"modes": f"of {STACKED_MODES}", "KL(modes || uniform)": "nats"}
    return STACKED_SAMPLES, "digits told by the MNIST classifier", units, score


def _of_gaussians(data):
    mixture = GAUSSIANS[data.name]

    def score(images):
        return gaussian_coverage(mixture.to_points(images), mixture.centres, mixture.sigma)

    units = {
        "modes": f"of {len(mixture.centres)}",
        "high-quality samples": "",
        "KL(modes || uniform)": "nats",
    }
    how = "of high quality within 3 sigma of a mode, which alone count"
    return GAUSSIAN_SAMPLES, how, units, score
