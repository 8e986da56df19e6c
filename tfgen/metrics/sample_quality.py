"""Figures of a model's samples against the real images of a split, one protocol for all families.

Each stands beside its floor: what other real images score in the samples' place.
"""

import numpy as np
from absl import logging

from tfgen.errors import UserError
from tfgen.metrics.classifier_accuracy import BATCH_SIZE, classifier_accuracy, epochs
from tfgen.metrics.density_coverage import density_coverage
from tfgen.metrics.features import check_kind, extract, suited, title
from tfgen.metrics.frechet import frechet_distance
from tfgen.metrics.kernel_distance import kernel_distance
from tfgen.metrics.neighbours import Neighbourhood
from tfgen.metrics.precision_recall import precision_recall
from tfgen.metrics.progress import sample_sets
from tfgen.names import counted

MOST = 10_000  # images of a split that features other than raw pixels are taken of
FEWEST = 1_000
SAMPLES_FOR_PIXELS = 2_000
FRECHET_PIXELS = 1_024  # above, its matrices take minutes and more samples than are at hand
FEWEST_A_CLASS = 50
FEWEST_NEIGHBOURS = 50  # below which k neighbours are a good part of a set
PIXELS = "pixels in [-1, 1]"
HOW = {"precision": "k=3", "recall": "k=3", "density": "k=5", "coverage": "k=5"}


def sample_quality(
    model,
    data,
    split="test",
    seed=0,
    sampling_seeds=3,
    features=None,
    samples=None,
    even_of_few=False,
):
    """Return name -> figure of the quality of a model's samples; see `evaluate`.

    Args:
        model, data, split: as in `evaluate`.
        seed: the first seed of the samples.
        sampling_seeds: how many sets of samples are drawn, each from the seeds after the last
            one's. Of several, a figure is the mean, and its "spread" their standard deviation; so
            are the floor and "floor_spread" of as many sets of other real images, if there are.
        features: one of `metrics.features`, else those that suit the shape of the images.
        samples: in each set, against at most as many images of the split, or 10,000. None: as many
            as the split's images up to 10,000; on raw pixels 2,000 (more for large images), or as
            many as there are other real images, since a distance depends on their number.
        even_of_few: measure a classifier's features even on a split below 1,000 images.

    Samples of two-level data are drawn black or white first, see `ImageData.drawn`.

    Figures that need more images than there are, such as a Fréchet distance of fewer than
    dimensions, are left out. Empty for images too large for what needs no network.
    """
    kind = features or suited(data.image_shape)
    if kind is None:
        logging.info("samples are not compared: the images are too large for raw pixels")
        return {}
    if kind == "pixels":
        n, real = _pixel_plan(data, split)
    else:
        real = data.images(split, max(MOST, samples or 0))
        n = len(real)
        if n < FEWEST and not (features or even_of_few):
            logging.info("samples are not compared: below %d images it says little", FEWEST)
            return {}
    n = samples or n
    other = _other(split)
    labels = np.resize(data.labels(other, n), n) if model.num_classes else None
    about = {"unit": "", "split": split, "n": n, "seed": seed}
    if sampling_seeds > 1:
        about["sampling_seeds"] = sampling_seeds
    others = data.images(other, n * sampling_seeds)
    others = [others[k * n :][:n] for k in range(max(1, len(others) // n))]
    real_features = extract(real, kind)
    sets, how = drawn_sets(model, data, n, seed, sampling_seeds, labels)
    if model.num_classes:
        how = f", labels of {_called(other)}{how}"
    protocol = f"{n} samples against {first_images(len(real), data, split)}{how}"
    figures = _distances(sets, real_features, others, kind, other, protocol, about)
    if model.num_classes and data.num_classes:
        figures |= _classifier_accuracy(sets, others, labels, data, split, about, how)
    return figures


def check_features(features, data, split, samples=None):
    """Raise `UserError` for features that are unknown, or that a split's images do not suit.

    They have other sizes than the features take, or there are no more of them than dimensions; or
    no more `samples`, if a number is asked for.
    """
    if features:
        check_kind(features)
    kind = features or suited(data.image_shape)
    sizes = [samples] if samples else []
    if features and kind != "pixels":
        sizes += [MOST, data.size(split), data.size(_other(split))]
    if kind is None or not sizes:
        return
    dimensions = extract(data.images(split, 1), kind).shape[1]
    distances = kind != "pixels" or dimensions <= FRECHET_PIXELS  # else the kernel's alone
    remedy = "take more samples." if min(sizes) == samples else "leave them out."
    if distances and min(sizes) <= dimensions:
        raise UserError(
            f"{counted(min(sizes), 'image')} are too few for features '{kind}', which have "
            f"{dimensions} dimensions: a Fréchet distance needs more images than that; {remedy}"
        )
    if min(sizes) < 2:
        raise UserError(f"one image has no kernel distance, nor any other; {remedy}")


def _other(split):
    """Return the split of the other real images: the validation one for the training itself."""
    return "validation" if split == "train" else "train"


def _called(other):
    return {"train": "training images", "validation": "validation images"}[other]


def first_images(n, data, split, every="the"):
    """Return what a protocol calls the first n images of a split; if they are all, by `every`."""
    return f"{every if data.is_all(split, n) else 'the first'} {n} images of split {split}"


def _pixel_plan(data, split):
    """Return (number of samples, real images): as many samples as the floor has images."""
    dimensions = int(np.prod(data.image_shape))
    n, most = SAMPLES_FOR_PIXELS, SAMPLES_FOR_PIXELS
    if dimensions <= FRECHET_PIXELS:
        n, most = max(n, 2 * dimensions), MOST
    return min(n, data.size(_other(split))), data.images(split, most)


def _distances(sets, real, others, kind, other, protocol, about):
    fewest = min(len(real), len(others[0]), about["n"])
    measures = _measures(fewest, real.shape[1], kind)
    neighbourhood = Neighbourhood(real)

    def scores(images):
        fake = extract(images, kind)
        return {k: v for measure in measures for k, v in measure(neighbourhood, fake).items()}

    of_floors = [scores(images) for images in others]
    of_sets = [scores(images) for images in sets]
    who = f"{len(others[0])} {_called(other)}"
    figures = {}
    for name in of_floors[0]:
        values = [found[name] for found in of_sets]
        floors = [found[name] for found in of_floors]
        floor = over_sets(floors, ("floor", "floor_spread"))
        figure = {**over_sets(values), **floor, **about, "features": kind}
        notes = [protocol + sets_text(values), HOW.get(name), PIXELS if kind == "pixels" else None]
        digits = 5 if name == "kernel distance" else 3
        notes.append(f"{who} score {figure['floor']:.{digits}f}{sets_text(floors, 'sets of them')}")
        if name == "Fréchet distance" and kind != "pixels" and len(real) // 2 > real.shape[1]:
            # Biased upwards by few samples, which this shows: it is of half as many.
            drawn = np.random.default_rng(0).permutation(real)  # which may come sorted by class
            figure["halves"] = frechet_distance(drawn[::2], drawn[1::2])
            notes.append(f"the two halves of split {about['split']} {figure['halves']:.3f}")
        figure["protocol"] = "; ".join(note for note in notes if note)
        figures[f"{name}, {title(kind)}"] = figure
    return figures


def _measures(fewest, dimensions, kind):
    """Return the functions (`Neighbourhood` of the real ones, fake) -> name -> value that so few
    samples allow."""

    def frechet(real, fake):
        return {"Fréchet distance": frechet_distance(fake, real.features)}

    def kernel(real, fake):
        return {"kernel distance": kernel_distance(fake, real.features)}

    measures = []
    if fewest > dimensions and (kind != "pixels" or dimensions <= FRECHET_PIXELS):
        measures.append(frechet)
    if fewest > 1:
        measures.append(kernel)
    if fewest >= FEWEST_NEIGHBOURS:
        measures.append(_neighbour_shares)
    else:
        logging.info("no precision to coverage: below %d images they say little", FEWEST_NEIGHBOURS)
    return measures


def _neighbour_shares(real, fake):
    precision, recall = precision_recall(real, fake, k=3)
    density, coverage = density_coverage(real, fake, k=5)
    return {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


def _classifier_accuracy(sets, others, labels, data, split, about, how):
    tests, test_labels = data.images(split, MOST), data.labels(split, MOST)
    other = _other(split)
    n = min(len(labels), len(others[0]), MOST)
    other_labels = data.labels(other, len(labels) * len(others))
    seen = [np.unique(part).size for part in (labels[:n], other_labels[:n], test_labels)]
    fewest = max(FEWEST, FEWEST_A_CLASS * data.num_classes)
    if n < fewest or min(seen) < data.num_classes:
        logging.info(
            "no classifier accuracy score: it takes images of every class, and %d samples", fewest
        )
        return {}

    def score(images, its_labels, seed):
        arguments = tests, test_labels, data.num_classes, seed
        return classifier_accuracy(images[:n], its_labels[:n], *arguments)

    # A classifier's own seed moves its accuracy more than another set of samples does.
    values = [score(images, labels, k) for k, images in enumerate(sets)]
    floors = []
    for k in range(len(sets)):
        known = k if k < len(others) else 0  # where there is but one set, its classifiers
        floors.append(score(others[known], other_labels[known * len(labels) :], k))
    floor = over_sets(floors, ("floor", "floor_spread"))
    figure = {**over_sets(values), **floor, **about, "n": n}
    if len(values) == 1:
        figure["standard_error"] = float(np.sqrt(values[0] * (1 - values[0]) / len(tests)))
    budget = f"{epochs(n)} epochs, batches of {BATCH_SIZE}"
    each = "sets of samples, a classifier each"
    of_floors = "sets of them, a classifier each" if len(others) > 1 else "classifiers"
    figure["protocol"] = (
        f"a small classifier, trained on {n} samples ({budget}){how}, names "
        f"{first_images(len(tests), data, split)}{sets_text(values, each)}; trained on {n} "
        f"{_called(other)} it reaches {figure['floor']:.4f}{sets_text(floors, of_floors)}"
    )
    return {"classifier accuracy score": figure}


def drawn_sets(model, data, n, seed, count, labels=None):
    """Return (the `sample_sets` of a model, as `ImageData.drawn`, what a protocol says of that)."""
    sets = sample_sets(model, n, seed, count, labels)
    grey = data.levels == 2 and any(((images > 0) & (images < 255)).any() for images in sets)
    sets = [data.drawn(images, seed + k * n) for k, images in enumerate(sets)]
    return sets, ", grey pixels drawn black or white" if grey else ""


def over_sets(values, names=("value", "spread")):
    """Return the fields of a figure for its values of one or several sets of samples."""
    if len(values) == 1:
        return {names[0]: values[0]}
    return dict(zip(names, (float(np.mean(values)), float(np.std(values, ddof=1))), strict=True))


def sets_text(values, what="sets of samples"):
    """Return what a protocol says of several sets of samples, nothing of one."""
    if len(values) == 1:
        return ""
    return f", mean of {len(values)} {what}, standard deviation {np.std(values, ddof=1):.2g}"
