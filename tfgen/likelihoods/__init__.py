"""Pixel likelihoods p(image | network output), each a thin registered object over TFP."""

from tfgen.likelihoods.base import Likelihood
from tfgen.likelihoods.continuous import ContinuousBernoulli, Normal
from tfgen.likelihoods.discrete import Bernoulli, Categorical
from tfgen.likelihoods.logistic_mixture import DiscretizedLogisticMixture

__all__ = [
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogisticMixture",
    "Likelihood",
    "Normal",
]
