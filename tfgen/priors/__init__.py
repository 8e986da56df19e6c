"""Priors over codes, one paper per file; every VAE takes any of them."""

from tfgen.priors.base import Prior
from tfgen.priors.gaussian_mixture import GaussianMixture
from tfgen.priors.real_nvp import RealNVP
from tfgen.priors.standard_normal import StandardNormal
from tfgen.priors.vamp import VampPrior

__all__ = ["GaussianMixture", "Prior", "RealNVP", "StandardNormal", "VampPrior"]
