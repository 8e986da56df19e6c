"""What a discriminator's images go through, so that few of them last longer; a paper a file."""

from tfgen.augmentation.adaptive import AdaptiveAugmentation
from tfgen.augmentation.differentiable import DifferentiableAugmentation

__all__ = ["AdaptiveAugmentation", "DifferentiableAugmentation"]
