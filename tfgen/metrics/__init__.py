"""Figures of a trained model, each with its protocol, split, sample count, seed and error."""

from tfgen.metrics.evaluate import evaluate
from tfgen.metrics.frechet import frechet_distance
from tfgen.metrics.kernel_distance import kernel_distance

__all__ = ["evaluate", "frechet_distance", "kernel_distance"]
