"""What a VAE's training minimises, one bound per file."""

from tfgen.objectives.base import Objective
from tfgen.objectives.elbo import ELBO
from tfgen.objectives.iwae import IWAE

__all__ = ["ELBO", "IWAE", "Objective"]
