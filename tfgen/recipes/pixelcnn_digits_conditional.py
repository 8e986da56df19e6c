"""The PixelCNN of `pixelcnn_digits`, given the class of the digit."""

from tfgen.recipes.pixelcnn_digits import conditional as recipe

__all__ = ["recipe"]
