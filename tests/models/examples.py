"""Small constructor arguments of every registered model, for the laws that all of them keep.

What has weights of its own is given as a function, so that each model gets its own. The last
example of a class is the one that every run of the tests takes.
"""

from tfgen.augmentation import AdaptiveAugmentation
from tfgen.games import Relativistic, Wasserstein
from tfgen.likelihoods import Bernoulli, Categorical, DiscretizedLogisticMixture, Normal
from tfgen.objectives import ELBO, IWAE
from tfgen.priors import GaussianMixture, RealNVP, VampPrior

GREY, COLOUR = (6, 5, 1), (4, 4, 3)

EXAMPLES = {
    "Autoencoder": {
        "dense": {"image_shape": GREY, "latent_dim": 3, "hidden": (8,), "num_components": 2},
        "convolutional colour": {
            "image_shape": COLOUR,
            "latent_dim": 3,
            "hidden": (4, 8),
            "network": "convolutional",
            "corruption": "masking",
            "corruption_level": 0.3,
        },
    },
    "VAE": {
        "dense": {
            "image_shape": GREY,
            "latent_dim": 3,
            "hidden": (8,),
            "likelihood": DiscretizedLogisticMixture(17, 2),
            "prior": lambda: RealNVP(3, 2, 4),
            "objective": IWAE(3),
        },
        "colour": {
            "image_shape": COLOUR,
            "latent_dim": 3,
            "hidden": (8,),
            "likelihood": Normal(),
            "prior": lambda: GaussianMixture(3, 2),
        },
        "conditional convolutional": {
            "image_shape": GREY,
            "latent_dim": 3,
            "hidden": (4, 8),
            "network": "convolutional",
            "likelihood": Bernoulli(),
            "num_classes": 3,
            "prior": lambda: VampPrior(3, GREY, 4, num_classes=3),
            "objective": ELBO(2.0, 10, 0.01),
        },
    },
    "HierarchicalVAE": {
        "spatial colour": {
            "image_shape": (5, 4, 3),
            "latent_dims": (2, 1),
            "hidden": ((4, 4), (6,)),
            "network": "spatial",
            "likelihood": Normal(),
        },
        "conditional convolutional": {
            "image_shape": GREY,
            "latent_dims": (3, 2),
            "hidden": ((4, 6), (5,)),
            "network": "convolutional",
            "likelihood": DiscretizedLogisticMixture(17, 1),
            "num_classes": 3,
            "objective": IWAE(2, warmup_steps=1),
        },
    },
    "VQVAE": {
        "colour": {
            "image_shape": COLOUR,
            "embedding_dim": 2,
            "num_codes": 4,
            "hidden": (4, 6),
            "num_residual": 0,
            "likelihood": Categorical(4),
            "prior_channels": 4,
            "prior_blocks": 1,
        },
        "conditional grey of odd sizes": {
            "image_shape": GREY,
            "embedding_dim": 3,
            "num_codes": 8,
            "hidden": (4, 8),
            "num_residual": 1,
            "likelihood": DiscretizedLogisticMixture(17, 1),
            "prior_channels": 4,
            "prior_blocks": 1,
            "num_classes": 3,
        },
    },
    "GAN": {
        "dense, auxiliary classifier": {
            "image_shape": GREY,
            "latent_dim": 3,
            "generator_hidden": (8,),
            "num_classes": 3,
            "conditioning": "auxiliary_classifier",
            "augmentation": AdaptiveAugmentation(0.0, 100, 0.5, "translation"),
            "average_half_life": 2,  # less than a batch, so that it counts from the first step on
        },
        "conditional convolutional": {
            "image_shape": GREY,
            "latent_dim": 3,
            "generator_hidden": (4, 8),
            "discriminator_hidden": (4, 8),
            "network": "convolutional",
            "game": Relativistic(0.5),
            "num_classes": 3,
        },
        "colour": {
            "image_shape": COLOUR,
            "latent_dim": 3,
            "generator_hidden": (8,),
            "game": Wasserstein(),
            "n_critic": 2,
            "spectral_norm": True,
        },
    },
    "DCGAN": {
        "conditional": {
            "image_shape": GREY,
            "latent_dim": 3,
            "filters": (4, 6),
            "game": "least_squares",
            "num_classes": 3,
            "conditioning": "projection",
        },
    },
    "R3GAN": {
        "colour": {
            "image_shape": COLOUR,
            "latent_dim": 3,
            "widths": (4, 6),
            "num_blocks": 1,
        },
        "conditional colour patches": {
            "image_shape": COLOUR,
            "latent_dim": 3,
            "widths": (4, 6),
            "num_blocks": 1,
            "num_classes": 3,
            "output_activation": "tanh",
            "patch_size": 2,
        },
    },
    "PixelCNN": {
        "conditional colour": {
            "image_shape": COLOUR,
            "hidden_channels": 6,
            "num_blocks": 1,
            "likelihood": Categorical(4),
            "num_classes": 3,
        },
    },
    "GatedPixelCNN": {
        "conditional colour": {
            "image_shape": COLOUR,
            "hidden_channels": 6,
            "num_layers": 2,
            "likelihood": Categorical(4),
            "num_classes": 3,
        },
    },
    "PixelCNNPP": {
        "conditional logistic mixture": {
            "image_shape": COLOUR,
            "hidden_channels": 4,
            "num_blocks": 1,
            "num_resolutions": 2,
            "likelihood": DiscretizedLogisticMixture(17, 2),
            "num_classes": 3,
        },
    },
    "PixelRNN": {
        "row": {
            "image_shape": GREY,
            "variant": "row",
            "hidden_channels": 4,
            "num_layers": 2,
            "likelihood": Categorical(17),
        },
        "conditional colour diagonal": {
            "image_shape": COLOUR,
            "variant": "diagonal",
            "hidden_channels": 6,
            "num_layers": 1,
            "likelihood": Categorical(4),
            "num_classes": 3,
        },
    },
    "MultiScalePixelRNN": {
        "conditional": {
            "image_shape": (6, 4, 1),
            "hidden_channels": 4,
            "num_layers": 1,
            "likelihood": Categorical(4),
            "num_classes": 3,
        },
    },
    "PixelSNAIL": {
        "conditional colour with dropout": {
            "image_shape": COLOUR,
            "hidden_channels": 6,
            "num_blocks": 1,
            "num_residual": 1,
            "key_channels": 3,
            "value_channels": 4,
            "dropout": 0.3,
            "likelihood": Categorical(4),
            "num_classes": 3,
        },
    },
}
