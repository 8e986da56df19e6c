"""Fine-tuning: an entry's weights, as far as they fit, trained on with other images."""

import dataclasses

from absl import logging

from tfgen import zoo
from tfgen.errors import UserError
from tfgen.names import as_folder
from tfgen.recipes.base import FINE_TUNING, Recipe
from tfgen.training.run import train
from tfgen.training.strategy import choose_strategy

SETTINGS = {field.name for field in dataclasses.fields(Recipe)} - {"model"}


def finetune(
    entry,
    *,
    images=None,
    dataset=None,
    out,
    steps=None,
    batch_size=None,
    learning_rate=None,
    seed=None,
    strategy="auto",
    data_dir=None,
    resume_command="the same call again",
    **options,
):
    """Train an `entry` on with other images; return the new entry.

    The model takes the shape of the images. A weight whose place and shape agree with the entry's
    is kept, the others start fresh; which is logged and told in the new entry. Images are brought
    to the entry's grid of levels. The learning rate falls to 0.

    Args:
        entry: as `tfgen.find` takes it.
        images: a folder of images; or
        dataset: the name of a data set.
        out: folder of the new entry.
        steps: of training; a fifth of the entry's by default.
        batch_size: the entry's by default.
        learning_rate: the highest; a third of the entry's by default.
        seed: of fresh weights, the order of the data and the noise; the entry's by default.
        strategy, data_dir, resume_command, options: see `train`.
    """
    strategy = choose_strategy(strategy)  # several workers meet before anything else
    if (images is None) == (dataset is None):
        raise UserError("give either images (a folder) or a dataset, one of the two.")
    source = zoo.find(entry)
    old = zoo.load(source)
    name = as_folder(images) if images is not None else dataset
    settings = {k: v for k, v in source.info["recipe"].items() if k in SETTINGS}

    def model(image_shape, num_classes):
        try:
            return type(old).from_config(old.config_for(image_shape, num_classes))
        except UserError as error:
            shape = "x".join(map(str, image_shape))
            raise UserError(
                f"entry '{source.name}' cannot learn images of {shape}: {error}"
            ) from error

    recipe = Recipe(
        **{
            **settings,
            "name": source.name,
            "summary": f"{source.info['summary']}, fine-tuned from {source.name}",
            "dataset": name,
            "model": model,
            "batch_size": batch_size or settings["batch_size"],
            "final_learning_rate": 0.0,
            "seed": settings["seed"] if seed is None else seed,
            "limit": None,  # the entry's is of its own images
            # It compares with entries of the same images only.
            "binarised_too": name == settings["dataset"] and settings.get("binarised_too", False),
        }
    ).with_steps(steps or max(1, settings["steps"] // 5))
    recipe = recipe.with_learning_rate(
        recipe.learning_rate * FINE_TUNING if learning_rate is None else learning_rate
    )
    return train(
        recipe,
        out,
        strategy=strategy,
        data_dir=data_dir,
        initial_weights=lambda new: _copy_weights(old, new, source),
        resume_command=resume_command,
        **options,
    )


def _copy_weights(old, new, entry):
    """Copy the weights that fit and return what `entry.json` tells of it."""
    kept, fresh = [], []
    # The two models differ at most in shapes, so their weights stand in the same places.
    for weight, before in zip(new.weights, old.weights, strict=True):
        if weight.shape == before.shape:
            weight.assign(before.numpy())
            kept.append(weight.path)
        else:
            fresh.append(weight.path)
    logging.info("%d weights of %s are kept", len(kept), entry.name)
    if fresh:
        logging.info("%d start fresh, as the images differ: %s", len(fresh), ", ".join(fresh))
    return {
        "finetuned_from": entry.name,
        "finetuned_from_sha256": entry.info["files"]["model.keras"]["sha256"],
        "weights_kept": kept,
        "weights_fresh": fresh,
    }
