"""What a recipe says."""

import dataclasses
import os
from collections.abc import Callable

import keras

from tfgen.errors import check_numbers
from tfgen.names import as_folder
from tfgen.optimizers import FusedAdam

LARGEST_TRAINING_SEED = 2**31 - 1001  # an int32; each rollback adds 1
FINE_TUNING = 1 / 3  # of a recipe's learning rate: what its entry starts at on other images
DEPTHS = ("num_layers", "num_blocks", "num_residual", "prior_blocks")  # arguments of models


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One experiment with all its settings.

    Attributes:
        name: of the recipe and of the entry it leaves.
        summary: one line for lists.
        dataset: what `tfgen.data.load` takes.
        levels: of the images' grid.
        model: (image_shape, num_classes) -> GenerativeModel.
        steps: of training, each on `batch_size` images, whatever the number of replicas.
        validate_every: steps between validations; another one is at the end.
        learning_rate: of Adam, after `warmup_steps` steps of linear growth; it falls by a cosine to
            `final_learning_rate`.
        beta_1, beta_2: Adam's.
        clip_norm: bound on the gradient's norm; None: unbounded.
        average_half_life: in images, of the moving average of the weights, which is what is
            validated and kept; 0: no average. A GAN averages its generator itself.
        select: the validation loss that picks the weights to keep; None keeps the last ones.
        conditional: whether the model sees the labels.
        precision: the dtype policy of the training; the entry computes in float32.
        importance_samples: codes an image for the bound that is reported of a VAE.
        binarised_too: whether samples are compared once more in black and white, as those of the
            data set's entries of two levels are.
        limit: images of each split that are used, the first ones; None: all.
        seed: of the initial weights, the order of the data and the training noise, 0 to
            `LARGEST_TRAINING_SEED`.
        published: others' figures, which the card states for comparison.
    """

    name: str
    summary: str
    dataset: str
    levels: int
    model: Callable
    steps: int
    batch_size: int = 64
    validate_every: int = 500
    learning_rate: float = 1e-3
    final_learning_rate: float = 0.0
    warmup_steps: int = 0
    beta_1: float = 0.9
    beta_2: float = 0.999
    clip_norm: float | None = None
    average_half_life: int = 0
    select: str | None = "loss"
    conditional: bool = False
    precision: str = "float32"
    importance_samples: int = 500
    binarised_too: bool = False
    limit: int | None = None
    seed: int = 0
    published: str = ""

    def model_for(self, data):
        """Return a new model of the images of an `ImageData`."""
        return self.model(data.image_shape, data.num_classes * self.conditional)

    def optimizer(self, updates_per_step=1):
        """Return a new Adam whose schedule lasts as long as the recipe's steps."""
        schedule = keras.optimizers.schedules.CosineDecay(
            self.learning_rate if not self.warmup_steps else 0.0,
            max(1, self.steps - self.warmup_steps) * updates_per_step,
            alpha=self.final_learning_rate / self.learning_rate,
            warmup_target=self.learning_rate if self.warmup_steps else None,
            warmup_steps=self.warmup_steps * updates_per_step,
        )
        return FusedAdam(
            schedule, beta_1=self.beta_1, beta_2=self.beta_2, global_clipnorm=self.clip_norm
        )

    def optimizers(self, model):
        """Return name -> new optimizer, for all of a model's."""
        return {
            name: self.optimizer(model.updates_per_step(name)) for name in model.optimizer_names
        }

    def on(self, dataset):
        """Return the recipe for other images: a data set's name, or the path of a folder."""
        if isinstance(dataset, os.PathLike):
            dataset = as_folder(dataset)
        if dataset == self.dataset:
            return self
        # What is published, and compared, is of the recipe's own images.
        return dataclasses.replace(self, dataset=dataset, published="", binarised_too=False)

    def with_learning_rate(self, learning_rate):
        """Return the recipe with another learning rate, which falls to the same part of it.

        Raises `UserError` unless it is a number above 0.
        """
        check_numbers("(0, inf)", learning_rate=learning_rate)
        final = learning_rate * self.final_learning_rate / self.learning_rate
        return dataclasses.replace(self, learning_rate=learning_rate, final_learning_rate=final)

    def with_steps(self, steps):
        """Return the recipe with another length, at whose end is the last validation.

        The learning rate's warm-up takes a tenth of it at most.
        """
        return dataclasses.replace(
            self,
            steps=steps,
            validate_every=min(self.validate_every, steps),
            warmup_steps=min(self.warmup_steps, steps // 10),
        )

    def smoke(self):
        """Return the recipe shrunk to seconds, for tests: few steps of a shallow model."""

        def shallow(image_shape, num_classes):
            model = self.model(image_shape, num_classes)
            config = model.get_config()
            return type(model).from_config({**config, **{k: 1 for k in DEPTHS if k in config}})

        shrunk = dataclasses.replace(
            self,
            batch_size=16,
            importance_samples=10,
            limit=256,
            model=shallow,
        )
        return shrunk.with_steps(4)

    def settings(self):
        """Return the plain values of the experiment, as kept in `entry.json`."""
        fields = dataclasses.asdict(self)
        del fields["model"], fields["published"]
        return fields
