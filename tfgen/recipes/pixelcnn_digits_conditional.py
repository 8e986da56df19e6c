"""The PixelCNN of `pixelcnn_digits`, given the class of the digit.

Expected: about 77.3 nats on the test split, after half a minute on two CPU cores.
"""

from tfgen.recipes.pixelcnn_digits import conditional as recipe

__all__ = ["recipe"]
