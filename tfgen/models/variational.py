"""What the models with a bound share: training, bounds, codes and samples.

An image comes from groups of latents, z_1 first, each drawn given those before it, and q, learned
beside p, guesses them from the image in the same order:

    p(x, z) = p(z_1) p(z_2 | z_1) .. p(x | z)        q(z | x) = q(z_1 | x) q(z_2 | z_1, x) ..

    log p(x) >= E_q [ log p(x, z) - log q(z | x) ]

A subclass gives

    features(x, labels)                           what q sees of images: a nest of tensors [b, ...]
    posterior_at(level, features, latents, labels)  q(z_level | ..), independent Normals
    prior_at(level, latents, labels)                p(z_level | ..)
    parameters(latents, labels)                     of p(x | z), [b, h, w, p]

where `latents` lists the groups before `level`, float32 [b, n] each.
"""

import math

import tensorflow as tf

from tfgen import likelihoods, objectives, priors
from tfgen.errors import UserError, check_counts
from tfgen.images import (
    check_labels,
    from_unit,
    graph_mistakes_told,
    grid_to_unit,
    to_levels,
    to_unit,
)
from tfgen.likelihoods.base import Likelihood
from tfgen.models.latent import LatentModel, check_latents
from tfgen.objectives.base import Batch, Objective, repeat
from tfgen.priors.base import diagonal_normal, is_diagonal_normal
from tfgen.sampling import importance
from tfgen.sampling import noise as random_noise
from tfgen.values import check_value
from tfgen.xla import under_xla

LOG_VARIANCE_BOUND = 8.0


class VariationalModel(LatentModel):
    """A latent-variable model with an encoder, trained on a bound of the log-likelihood.

    A code, [latent_dim], holds z_1 and then, for each later group, its deviation from p(z_l | ..)
    in standard deviations: so a code says all of an image, and any code can be decoded.

    `generate`, `decode` and `reconstruct` return the mean of p(x | z), the picture that the
    literature shows; it may lie between the levels of the likelihood.

    Attributes:
        latent_sizes: lengths of z_1, z_2, ...
        latent_dim: their sum.
        likelihood: p(x | z) for each pixel, a `Likelihood`.
        prior: p(z_1), a `Prior`.
        objective: what training minimises, an `Objective`.
    """

    family = "VAE"
    compiles = False  # whether training and bounds run under XLA

    def __init__(self, image_shape, latent_sizes, likelihood, prior, objective, num_classes):
        super().__init__(image_shape, num_classes)
        for size in latent_sizes:
            check_counts(latent_dim=size)
        self.latent_sizes = tuple(latent_sizes)
        self.likelihood = likelihood or likelihoods.DiscretizedLogisticMixture(256, 1)
        self.prior = prior or priors.StandardNormal(latent_sizes[0])
        self.objective = objective or objectives.ELBO()
        check_value(self.likelihood, Likelihood, "likelihood", "tfgen.likelihoods.Bernoulli()")
        check_value(self.prior, priors.Prior, "prior", "tfgen.priors.RealNVP(latent_dim)")
        check_value(self.objective, Objective, "objective", "tfgen.objectives.IWAE()")
        if self.prior.latent_dim != latent_sizes[0]:
            raise UserError(
                f"the prior is one of {self.prior.latent_dim} latents, but the model's z has "
                f"{latent_sizes[0]}; make both of one latent_dim."
            )
        self.prior.check(self.image_shape, self.num_classes)

    def features(self, x, labels=None):
        raise NotImplementedError

    def posterior_at(self, level, features, latents, labels=None):
        raise NotImplementedError

    def prior_at(self, level, latents, labels=None):
        raise NotImplementedError

    def parameters(self, latents, labels=None):
        raise NotImplementedError

    # The joint distributions

    def draw(self, features, epsilon, labels=None):
        """Return the groups [b, n] of q(z | x) that standard normals [b, latent_dim] stand for."""
        latents = []
        for level, part in enumerate(tf.split(epsilon, self.latent_sizes, axis=-1)):
            posterior = self.posterior_at(level, features, latents, labels)
            latents.append(posterior.mean() + posterior.stddev() * part)
        return latents

    def log_likelihood(self, levels, latents, labels=None):
        """Return log p(x | z) in nats, float32 [b * samples].

        Args:
            levels: the images, int32 [b, h, w, c].
            latents: of each image `samples` consecutive rows.
            labels: [b * samples] of a conditional model.
        """
        parameters = self.parameters(latents, labels)
        shape = [tf.shape(levels)[0], -1, *parameters.shape[1:]]
        # Not the images repeated for each sample, which would cost as much as the decoder.
        scores = self.likelihood.log_prob(tf.reshape(parameters, shape), levels[:, None])
        return tf.reshape(tf.reduce_sum(scores, axis=[2, 3, 4]), [-1])

    def log_joint(self, levels, latents, labels=None):
        """Return log p(x, z) in nats, float32 [b]."""
        return self.log_likelihood(levels, latents, labels) + self.log_prior(latents, labels)

    def log_prior(self, latents, labels=None):
        """Return log p(z) in nats, float32 [b]."""
        return tf.add_n(
            [
                self.prior_at(level, latents[:level], labels).log_prob(z)
                for level, z in enumerate(latents)
            ]
        )

    def log_posterior(self, features, latents, labels=None):
        """Return log q(z | x) in nats, float32 [b]."""
        return tf.add_n(
            [
                self.posterior_at(level, features, latents[:level], labels).log_prob(z)
                for level, z in enumerate(latents)
            ]
        )

    def log_weights(self, features, batch):
        """Return log p(x, z) - log q(z | x) of each sample of a `Batch`, float32 [b, samples]."""
        samples = batch.epsilon.shape[1] or tf.shape(batch.epsilon)[1]
        rows = batch.one_row_a_sample()
        features = repeat(features, samples)
        latents = self.draw(features, rows.epsilon, rows.labels)
        log_p = self.log_joint(rows.levels, latents, rows.labels)
        log_q = self.log_posterior(features, latents, rows.labels)
        return tf.reshape(log_p - log_q, [-1, samples])

    def divergences(self, features, latents, labels=None):
        """Return KL(q || p) of each group given those before it, a list of float32 [b].

        In closed form where both are Gaussian, else estimated by the sample `latents` itself.
        """
        divergences = []
        for level, z in enumerate(latents):
            q = self.posterior_at(level, features, latents[:level], labels)
            p = self.prior_at(level, latents[:level], labels)
            closed = is_diagonal_normal(p)
            divergences.append(q.kl_divergence(p) if closed else q.log_prob(z) - p.log_prob(z))
        return divergences

    def top_posterior(self, x, labels=None):
        """Return q(z_1 | x) for float images in [-1, 1], as a VampPrior asks for it."""
        return self.posterior_at(0, self.features(x, labels), [], labels)

    # Training

    def end_warmup(self):
        self.objective = self.objective.warmed_up()
        self.train_function = None

    def losses(self, images, labels, noise, training):
        step = self.optimizer.iterations.value if training else None
        return self.objective.losses(self, self._batch(images, labels, noise), step)

    def gradients(self, images, labels, noise):
        step = self.optimizer.iterations.value
        return self._compiled_gradients(self._batch(images, labels, noise), step)

    def _batch(self, images, labels, noise):
        # Here and not under XLA, which draws other noise and drops the check of the levels.
        shape = [tf.shape(images)[0], self.objective.num_samples, self.latent_dim]
        levels = to_levels(images, self.likelihood.levels)
        return Batch(to_unit(images), levels, labels, noise.normal(shape))

    def _gradients(self, batch, step):
        return self.objective.gradients(self, batch, step)

    def adapt(self, images, labels=None):
        """Start at the training images (numpy uint8 [n, h, w, c]): decoder and prior."""
        super().adapt(images, labels)
        self.prior.adapt(images, labels)

    # Scores

    def rate_distortion(self, images, seeds=None, labels=None):
        """Return (rate, distortion) of uint8 images in nats, float32 [b] each.

        The ELBO's two parts, -ELBO = rate + distortion: what the code costs, KL(q || p), and what
        the image costs given the code, -log p(x | z). One code is drawn for each image, from the
        noise of its seed (int32 [b]; None: 0, 1, ..).
        """
        images, labels = self._check(images, labels)
        seeds = random_noise.check_seeds(seeds, images.shape[0] or tf.shape(images)[0])
        levels = to_levels(images, self.likelihood.levels)
        features = self.features(to_unit(images), labels)
        epsilon = random_noise.normal(seeds, [self.latent_dim])
        latents = self.draw(features, epsilon, labels)
        rate = tf.add_n(self.divergences(features, latents, labels))
        return rate, -self.log_likelihood(levels, latents, labels)

    def elbo(self, images, seeds=None, labels=None):
        """Return the evidence lower bound of uint8 images in nats, float32 [b].

        One code is drawn for each image, from the noise of its seed (int32 [b]; None: 0, 1, ..).
        """
        rate, distortion = self.rate_distortion(images, seeds, labels)
        return -rate - distortion

    def log_prob_bound(self, images, seeds=None, num_samples=500, labels=None, chunk_size=None):
        """Return the importance-weighted bound on log p(x) in nats, float32 [b].

        log (1/k) sum_s p(x, z_s) / q(z_s | x) with k = `num_samples` codes an image (Burda et al.
        2015): at least the ELBO in expectation, and the log-likelihood as k grows. Each image is
        encoded once and the sum is streamed, a bounded number of images at a time, so memory grows
        neither with k nor with b. Sample s of an image depends on its seed and s alone.

        Args:
            images: uint8 [b, h, w, c].
            seeds: int32 [b]; None: 0, 1, ..
            num_samples: k.
            labels: of a conditional model.
            chunk_size: samples of each image that are decoded at once, 50 at most; None: as many as
                keep the decoder's largest tensor below 64 MiB.
        """
        images, labels = self._check(images, labels)
        seeds = random_noise.check_seeds(seeds, len(images))
        layer = max(self._largest_layer(), self.prior.numbers_a_code)
        block = importance.NOISE_BLOCK
        rows = importance.at_once(max(layer, block * self.latent_dim), len(images))
        if chunk_size is None:
            chunk_size = importance.at_once(layer * rows, block)
        check_counts(num_samples=num_samples, chunk_size=chunk_size)
        if num_samples > importance.MOST_SAMPLES:
            raise UserError(
                f"num_samples must be at most {importance.MOST_SAMPLES:,}, but is {num_samples:,}."
            )
        if not len(images):
            return tf.zeros([0])
        # All as tensors: other numbers of samples are no reason to trace again.
        counts = tf.constant([num_samples, min(chunk_size, block)])
        bounds = []
        with graph_mistakes_told():
            for start in range(0, len(images), rows):
                part = slice(start, start + rows)
                chosen = None if labels is None else labels[part]
                bounds.append(self._importance_bound(images[part], seeds[part], chosen, counts))
        return tf.concat(bounds, axis=0)

    def _importance_bound(self, images, seeds, labels, counts):
        levels = to_levels(images, self.likelihood.levels)
        features = self.features(to_unit(images), labels)

        def log_weights(epsilon):
            return self._compiled_log_weights(features, Batch(images, levels, labels, epsilon))

        return importance.log_mean_weight(log_weights, seeds, self.latent_dim, *tf.unstack(counts))

    def _compile_functions(self):
        """Compile, under XLA if `compiles`, what training and bounds spend their time in."""
        self._compile_gradients()
        self._compiled_log_weights = under_xla(self.log_weights, self.compiles)
        self._importance_bound = tf.function(
            self._importance_bound, autograph=False, reduce_retracing=True
        )

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            # Their graph holds the optimizer, objective and variables with which it was traced.
            self._compile_gradients()
        return super().make_train_function(force)

    def _compile_gradients(self):
        # A mean over all replicas' batches, as some objectives take, cannot be compiled.
        compiles = self.compiles and not self.objective.uses_batch
        self._compiled_gradients = under_xla(self._gradients) if compiles else self._gradients

    def _largest_layer(self):
        """Return how many numbers the largest layer of the decoder has for an image."""
        try:
            outputs = tf.nest.flatten([layer.output for layer in self.decoder.layers])
        except AttributeError:  # of a subclass of keras.Model, whose layers tell no shapes
            outputs = []
        return max((math.prod(output.shape[1:]) for output in outputs), default=2**16)

    # Codes

    def encode(self, images, labels=None):
        """Return the codes of the means of q, float32 [b, latent_dim]."""
        images, labels = self._check(images, labels)
        features = self.features(grid_to_unit(images, self.likelihood.levels), labels)
        latents, code = [], []
        for level in range(len(self.latent_sizes)):
            mean = self.posterior_at(level, features, latents, labels).mean()
            if level:
                prior = self.prior_at(level, latents, labels)
                code.append((mean - prior.mean()) / prior.stddev())
            else:
                code.append(mean)
            latents.append(mean)
        return tf.concat(code, axis=-1)

    def decode(self, latents, labels=None):
        """Return the mean of p(x | z), uint8 [b, h, w, c], for codes [b, latent_dim]."""
        latents = check_latents(latents, self.latent_dim)
        labels = check_labels(labels, self.num_classes, latents.shape[0] or tf.shape(latents)[0])
        groups = []
        for level, part in enumerate(tf.split(latents, self.latent_sizes, axis=-1)):
            if level:
                prior = self.prior_at(level, groups, labels)
                part = prior.mean() + prior.stddev() * part
            groups.append(part)
        return from_unit(self.likelihood.mean(self.parameters(groups, labels)))

    # Sampling

    def noise(self, seeds):
        """Return standard normal numbers of int32 seeds [b], float32 [b, n]: n a code's length,
        and one more where the prior first picks a component."""
        return random_noise.normal(seeds, [self._noise_dim()])

    def _noise_dim(self):
        return self.prior.noise_dim + self.latent_dim - self.latent_sizes[0]

    def generate(self, noise, labels=None):
        """Return the mean images of the codes that `noise` draws, uint8 [b, h, w, c]."""
        noise = check_latents(noise, self._noise_dim(), "noise")
        first, others = noise[:, : self.prior.noise_dim], noise[:, self.prior.noise_dim :]
        first = self.prior.codes(first, self.top_posterior)
        return self.decode(tf.concat([first, others], axis=-1), labels)

    # Saving and export

    def constructor_value(self, name):
        value = super().constructor_value(name)
        # Nothing of N(0, I) is worth keeping, and without it the model can change its size.
        return None if type(value) is priors.StandardNormal else value

    def config_for(self, image_shape, num_classes):
        config = super().config_for(image_shape, num_classes)
        if config["prior"]:
            prior = config["prior"]["config"]
            sizes = {**config, "latent_dim": self.top_size(image_shape)}
            for name in ("latent_dim", "image_shape", "num_classes"):
                if name in prior:
                    prior[name] = sizes[name]
        return config

    def top_size(self, image_shape):
        """Return the length of z_1 in such a model of images of another shape."""
        return self.latent_sizes[0]

    def endpoints(self):
        def elbo(images, seeds, labels=None):
            return {"elbo": self.elbo(images, seeds, labels)}

        seeds = tf.TensorSpec([None], tf.int32, name="seeds")
        signature = [self._image_spec(), seeds, *self._label_spec()]
        return {**super().endpoints(), "elbo": (elbo, signature)}


def bounded_normal(output):
    """Return the independent Normals of network output [..., 2 n]: mean and log-variance.

    The log-variance is bounded smoothly: one wild batch must not overflow exp.
    """
    mean, log_variance = tf.split(tf.cast(output, tf.float32), 2, axis=-1)
    log_variance = LOG_VARIANCE_BOUND * tf.tanh(log_variance / LOG_VARIANCE_BOUND)
    return diagonal_normal(mean, tf.exp(log_variance / 2))
