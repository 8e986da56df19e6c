"""The VAE of `vae_digits`, given the class of the digit."""

from tfgen.recipes.vae_digits import conditional as recipe

__all__ = ["recipe"]
