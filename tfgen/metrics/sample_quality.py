"""Figures of a model's samples against the real images of a split, one protocol for all families.

Each stands beside its floor: what real images score in the samples' place.
"""

import numpy as np

from tfgen.metrics.classifier_accuracy import BATCH_SIZE, classifier_accuracy, epochs
from tfgen.metrics.density_coverage import density_coverage
from tfgen.metrics.features import check_kind, extract, suited, title
from tfgen.metrics.frechet import frechet_distance
from tfgen.metrics.kernel_distance import kernel_distance
from tfgen.metrics.precision_recall import precision_recall

MOST = 10_000
FEWEST = 1_000
FEWEST_OF_PIXELS = 2_000
FEWEST_A_CLASS = 50
PIXELS = "pixels in [-1, 1]"
HOW = {"precision": "k=3", "recall": "k=3", "density": "k=5", "coverage": "k=5"}


def sample_quality(model, data, split="test", seed=0, sampling_seeds=1, features=None):
    """Return name -> figure of the quality of a model's samples; see `evaluate`.

    Args:
        model, data, split: as in `evaluate`.
        seed: the first seed of the samples.
        sampling_seeds: how many sets of samples are drawn, each from the seeds after the last
            one's. Of several, a figure is the mean, and its "spread" their standard deviation.
        features: one of `metrics.features`, else those that suit the shape of the images.

    Empty where the images are too few or too large for the features that suit them.
    """
    if features:
        check_kind(features)
    kind = features or suited(data.image_shape)
    if kind is None:
        return {}
    plan = _pixel_plan(data, split) if kind == "pixels" else _feature_plan(data, split, features)
    if plan is None:
        return {}
    n, real = plan
    # Of the training split itself, the validation images are the other real ones.
    other = "validation" if split == "train" else "train"
    labels = np.resize(data.labels(split, MOST), n) if model.num_classes else None
    about = {"unit": "", "split": split, "n": n, "seed": seed}
    if sampling_seeds > 1:
        about["sampling_seeds"] = sampling_seeds
    sets = [model.sample(n, seed + k * n, labels=labels) for k in range(sampling_seeds)]
    against = f"the {len(real)} images of split {split}"
    protocol = f"{n} samples against {against}"
    if model.num_classes:
        protocol += ", labels as in the split"
    figures = _distances(sets, real, data.images(other, MOST), kind, other, protocol, about)
    if model.num_classes and data.num_classes:
        figures |= _classifier_accuracy(sets, labels, data, split, other, against, about)
    return figures


def _pixel_plan(data, split):
    """Return (number of samples, real images), or None where they are too few."""
    dimensions, real = int(np.prod(data.image_shape)), data.images(split)
    return (max(FEWEST_OF_PIXELS, 2 * dimensions), real) if len(real) > dimensions else None


def _feature_plan(data, split, asked):
    """As many samples as real images; a split too small says little, unless it was asked for."""
    real = data.images(split, MOST)
    return (len(real), real) if asked or len(real) >= FEWEST else None


def _distances(sets, real_images, other_images, kind, other, protocol, about):
    real = extract(real_images, kind)
    floors = _scores(real, extract(other_images, kind), kind)
    of_sets = [_scores(real, extract(images, kind), kind) for images in sets]
    who = {"train": "training images", "validation": "validation images"}[other]
    figures = {}
    for name, floor in floors.items():
        values = [scores[name] for scores in of_sets]
        figure = {**over_sets(values), "floor": floor, **about, "features": kind}
        notes = [protocol + sets_text(values), HOW.get(name) if kind != "pixels" else PIXELS]
        digits = 5 if name == "kernel distance" else 3
        notes.append(f"{who} score {floor:.{digits}f}")
        if name == "Fréchet distance" and kind != "pixels":
            # Biased upwards by few samples, which this shows: it is of half as many.
            figure["halves"] = _halves(real)
            notes.append(f"the two halves of split {about['split']} {figure['halves']:.3f}")
        figure["protocol"] = "; ".join(note for note in notes if note)
        figures[f"{name}, {title(kind)}"] = figure
    return figures


def _scores(real, fake, kind):
    scores = {
        "Fréchet distance": frechet_distance(fake, real),
        "kernel distance": kernel_distance(fake, real),
    }
    if kind != "pixels":
        scores["precision"], scores["recall"] = precision_recall(real, fake, k=3)
        scores["density"], scores["coverage"] = density_coverage(real, fake, k=5)
    return scores


def _halves(real):
    return frechet_distance(real[::2], real[1::2]) if len(real) // 2 > real.shape[1] else None


def _classifier_accuracy(sets, labels, data, split, other, against, about):
    tests, test_labels = data.images(split, MOST), data.labels(split, MOST)
    n = min(len(labels), data.size(other), MOST)
    if n < FEWEST or n < FEWEST_A_CLASS * data.num_classes:
        return {}

    def score(images, its_labels):
        arguments = tests, test_labels, data.num_classes
        return classifier_accuracy(images[:n], its_labels[:n], *arguments)

    floor = score(data.images(other, n), data.labels(other, n))
    values = [score(images, labels) for images in sets]
    figure = {**over_sets(values), "floor": floor, **about, "n": n}
    if len(values) == 1:
        figure["standard_error"] = float(np.sqrt(values[0] * (1 - values[0]) / len(tests)))
    budget = f"{epochs(n)} epochs, batches of {BATCH_SIZE}"
    figure["protocol"] = (
        f"a small classifier, trained on {n} samples ({budget}), names {against}"
        f"{sets_text(values)}; trained on {n} real images it reaches {floor:.4f}"
    )
    return {"classifier accuracy score": figure}


def over_sets(values):
    """Return the fields of a figure for its values of one or several sets of samples."""
    if len(values) == 1:
        return {"value": values[0]}
    return {"value": float(np.mean(values)), "spread": float(np.std(values, ddof=1))}


def sets_text(values):
    """Return what a protocol says of several sets of samples, nothing of one."""
    if len(values) == 1:
        return ""
    return (
        f", mean of {len(values)} sets of samples, standard deviation {np.std(values, ddof=1):.2g}"
    )
