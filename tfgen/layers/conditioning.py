"""How the players of a conditional GAN use the label y; each way is a paper's.

concatenation          Mirza & Osindero 2014, arXiv:1411.1784
                       G and D:  y as one-hot joins z and x

projection             Miyato & Koyama 2018, arXiv:1802.05637
                       G:  conditional batch normalisation; see `networks.normalized`
                       D:  logit(x, y) = psi(phi(x)) + <embed(y), phi(x)>

auxiliary_classifier   AC-GAN, Odena et al. 2017, arXiv:1610.09585
                       G:  y as one-hot joins z
                       D:  logits of the classes beside its own, and no y; both players also
                           minimise the cross-entropy of y, D that of all images it sees

phi(x) is what D's last hidden layer leaves of an image, psi a linear map.
"""

import keras
from keras import layers

from tfgen.errors import UserError
from tfgen.layers.networks import inputs, label_input
from tfgen.names import unknown

CONDITIONINGS = ("concatenation", "projection", "auxiliary_classifier")


def check_conditioning(conditioning, num_classes):
    """Raise `UserError` unless it is one of `CONDITIONINGS`, of a model that has classes."""
    if conditioning not in CONDITIONINGS:
        raise unknown("conditioning", conditioning, CONDITIONINGS)
    if conditioning != "concatenation" and not num_classes:
        raise UserError(
            f"conditioning '{conditioning}' needs classes; give num_classes, or leave it out."
        )


def discriminator_network(features, image_shape, num_classes, conditioning, dense, output_bias):
    """Return a model from images [-1, 1] (and labels) to logits [b, 1].

    That of an auxiliary classifier takes no labels; it returns class logits [b, num_classes] too.

    Args:
        features: a function of images and one-hot labels, or None, to phi [b, n].
        dense: what makes a dense layer of units and further settings.
        output_bias: whether psi has a bias.
    """
    images = keras.Input(image_shape, name="images")
    labels, one_hot = label_input(num_classes)
    phi = features(images, one_hot if conditioning == "concatenation" else None)
    logits = dense(1, use_bias=output_bias, dtype="float32", name="output")(phi)
    if conditioning == "auxiliary_classifier":
        classes = dense(num_classes, dtype="float32", name="classes")(phi)
        return keras.Model(images, [logits, classes], name="discriminator")
    if conditioning == "projection":
        embed = dense(phi.shape[-1], use_bias=False, dtype="float32", name="embedding")
        product = layers.Dot(axes=1, dtype="float32")([embed(one_hot), phi])
        logits = layers.Add(dtype="float32")([logits, product])
    return keras.Model(inputs(images, labels), logits, name="discriminator")
