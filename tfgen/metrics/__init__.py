"""Figures of a trained model, each with its protocol, split, sample count and seed; means have an
error.

`evaluate` gives all that a model allows. The others compare any images: distances, precision and
recall, density and coverage take the features that `extract` gives of them.
"""

from tfgen.metrics.classifier_accuracy import classifier_accuracy
from tfgen.metrics.density_coverage import density_coverage
from tfgen.metrics.evaluate import evaluate
from tfgen.metrics.features import extract
from tfgen.metrics.frechet import frechet_distance
from tfgen.metrics.kernel_distance import kernel_distance
from tfgen.metrics.mode_coverage import gaussian_coverage, mode_coverage
from tfgen.metrics.precision_recall import precision_recall

__all__ = [
    "classifier_accuracy",
    "density_coverage",
    "evaluate",
    "extract",
    "frechet_distance",
    "gaussian_coverage",
    "kernel_distance",
    "mode_coverage",
    "precision_recall",
]
