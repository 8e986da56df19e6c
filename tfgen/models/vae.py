"""Variational autoencoder (Kingma & Welling 2013, arXiv:1312.6114).

A latent code z ~ p(z) explains an image through p(x | z). The encoder q(z | x), a Normal, makes
training possible: it bounds the log-likelihood from below by

    ELBO = E_q [log p(x | z)] - KL(q(z | x) || p(z))

(equation 7 of the paper; the KL of two Normals is in closed form). The paper's prior is N(0, I);
`tfgen.priors` has others. Conditional on a class, both networks also see the label (Sohn et al.
2015).
"""

from tfgen.images import grid_to_unit
from tfgen.layers.networks import check_hidden, inputs, pixel_network, set_output_bias
from tfgen.layers.own_networks import check_end
from tfgen.models.base import register
from tfgen.models.variational import VariationalModel, bounded_normal


@register
class VAE(VariationalModel):
    """A VAE with dense, convolutional or a user's own networks and any pixel likelihood.

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of the code z.
        hidden: units of each dense layer, or filters of each convolution (stride 2 but the first).
        network: "dense" or "convolutional".
        likelihood: p(x | z) for each pixel, a `Likelihood`; None: a discretised logistic.
        num_classes: 0 for an unconditional model.
        prior: p(z), a `Prior`; None: N(0, I).
        objective: what training minimises, an `Objective`; None: the negative ELBO.
        encoder: a Keras model instead of `network`, from float images [b, h, w, c] in [-1, 1] to
            means and log-variances, [b, 2 * latent_dim]. Of a conditional model: from [images,
            int32 labels [b]].
        decoder: a Keras model instead of `network`, from codes [b, latent_dim] (or [codes,
            labels]) to the likelihood's parameters, [b, h, w, num_parameters(c)], such as logits:
            no sigmoid or softmax ends it.
    """

    def __init__(
        self,
        image_shape,
        latent_dim=32,
        hidden=(256, 256),
        network="dense",
        likelihood=None,
        num_classes=0,
        prior=None,
        objective=None,
        encoder=None,
        decoder=None,
    ):
        super().__init__(image_shape, (latent_dim,), likelihood, prior, objective, num_classes)
        check_hidden(hidden)
        self.latent_dim = latent_dim
        self.hidden = tuple(hidden)
        self.network = network
        parameters = self.likelihood.num_parameters(self.image_shape[-1])
        self.set_networks(2 * latent_dim, parameters, encoder, decoder)
        check_end(
            "decoder",
            self.decoder,
            "the likelihood takes numbers without bounds; leave the activation out",
        )
        # Convolutions do not gain from XLA, and of other people's networks nobody knows.
        self.compiles = network == "dense" and not self.own_networks
        self._compile_functions()
        self.built = True

    # The two conditionals of the model

    def posterior(self, images, labels=None):
        """Return q(z | x), independent Normals over codes, for uint8 images."""
        images, labels = self._check(images, labels)
        return self.top_posterior(grid_to_unit(images, self.likelihood.levels), labels)

    def features(self, x, labels=None):
        return self.encoder(inputs(x, labels))

    def posterior_at(self, level, features, latents, labels=None):
        return bounded_normal(features)

    def prior_at(self, level, latents, labels=None):
        return self.prior.distribution(self.top_posterior)

    def parameters(self, latents, labels=None):
        return self.decoder(inputs(latents[0], labels))

    def adapt(self, images, labels=None):
        super().adapt(images, labels)
        if "decoder" not in self.own_networks:
            set_output_bias(self.decoder, self.likelihood, images)

    def plain_networks(self):
        return {"decoder": pixel_network(self.functional_decoder(), self.likelihood.mean)}
