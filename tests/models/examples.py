"""Small constructor arguments of every registered model, for the laws that all of them keep."""

from tfgen.likelihoods import Bernoulli, Categorical, DiscretizedLogisticMixture, Normal

GREY, COLOUR = (6, 5, 1), (4, 4, 3)

EXAMPLES = {
    "Autoencoder": {
        "dense": {"image_shape": GREY, "latent_dim": 3, "hidden": (8,), "num_components": 2},
        "convolutional colour": {
            "image_shape": COLOUR,
            "latent_dim": 3,
            "hidden": (4, 8),
            "network": "convolutional",
        },
    },
    "VAE": {
        "dense": {
            "image_shape": GREY,
            "latent_dim": 3,
            "hidden": (8,),
            "likelihood": DiscretizedLogisticMixture(17, 2),
        },
        "conditional convolutional": {
            "image_shape": GREY,
            "latent_dim": 3,
            "hidden": (4, 8),
            "network": "convolutional",
            "likelihood": Bernoulli(),
            "num_classes": 3,
        },
        "colour": {
            "image_shape": COLOUR,
            "latent_dim": 3,
            "hidden": (8,),
            "likelihood": Normal(),
        },
    },
    "GAN": {
        "dense": {"image_shape": GREY, "latent_dim": 3, "generator_hidden": (8,)},
        "conditional convolutional": {
            "image_shape": GREY,
            "latent_dim": 3,
            "generator_hidden": (4, 8),
            "discriminator_hidden": (4, 8),
            "network": "convolutional",
            "game": "minimax",
            "num_classes": 3,
        },
        "colour": {"image_shape": COLOUR, "latent_dim": 3, "generator_hidden": (8,)},
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
