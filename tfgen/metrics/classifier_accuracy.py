"""Classifier accuracy score of a conditional model (Ravuri & Vinyals 2019, arXiv:1905.10887).

A classifier is trained on labelled samples and tested on real images: it can be no better than the
samples are various and true to their labels. Beside it stands the same classifier trained on as
many real images.
"""

import numpy as np

from tfgen.errors import UserError, check_counts
from tfgen.images import check_labels
from tfgen.metrics.features import digit_classifier
from tfgen.metrics.inputs import whole_images

STEPS = 300
BATCH_SIZE = 64


def classifier_accuracy(images, labels, test_images, test_labels, num_classes, seed=0):
    """Return the share of test images that a classifier of the given images names rightly.

    Args:
        images: samples or real images, uint8 [n, h, w, c].
        labels: int [n], in 0..num_classes-1.
        test_images: real ones, uint8 [m, h, w, c].
        test_labels: int [m].
        num_classes: number of classes.
        seed: of the classifier's weights and of the order of the images.

    The budget is small, whatever n: the epochs of about 300 steps of 64 images, so that the figure
    takes seconds and compares with its like only.

    Raises `UserError` for images that are not as said here or of two shapes, and for labels that
    are not one class an image.
    """
    images, test_images = whole_images(images), whole_images(test_images)
    if images.shape[1:] != test_images.shape[1:]:
        raise UserError(
            "images and test images must have one shape, but are of "
            f"{list(images.shape[1:])} and {list(test_images.shape[1:])}."
        )
    check_counts(num_classes=num_classes)
    labels = np.asarray(check_labels(labels, num_classes, len(images)))
    test_labels = np.asarray(check_labels(test_labels, num_classes, len(test_images)))
    model = digit_classifier.build(images.shape[1:], num_classes, seed)
    digit_classifier.fit(
        model,
        images,
        labels,
        epochs=epochs(len(images)),
        shift=0,
        batch_size=BATCH_SIZE,
        seed=seed,
    )
    return float(np.mean(digit_classifier.predicted_classes(model, test_images) == test_labels))


def epochs(n):
    """Return the passes over n images that the budget allows."""
    return max(1, round(STEPS * BATCH_SIZE / n))
