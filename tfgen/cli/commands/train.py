"""Train a recipe and leave a finished entry.

RECIPE is one of tfgen's recipes; `tfgen train list` names them. Those of digits and of Gaussians
take seconds to minutes and no download, those of other data mostly an hour or more. An interrupted
training goes on when the same command is run again. With --images, the recipe's model learns the
images of a folder: all of one size, or one such folder per class; they are brought to the recipe's
grid of levels.
example: tfgen train vae_digits --out runs/vae_digits
"""

import dataclasses

from absl import flags

from tfgen import recipes
from tfgen.cli import quiet, shared_flags

ARGUMENTS = ("RECIPE",)


def define(values):
    flags.DEFINE_string("out", None, "folder of the entry; else runs/RECIPE", flag_values=values)
    shared_flags.other_images(values)
    flags.DEFINE_bool("smoke", False, "shrink the recipe to seconds, as a test", flag_values=values)
    flags.DEFINE_enum(
        "precision",
        None,
        ["float32", "mixed_bfloat16", "mixed_float16"],
        "dtype policy of the training; else the recipe's",
        flag_values=values,
    )
    shared_flags.training(values)


def run(name, values):
    if name == "list":
        print("\n".join(recipes.names()))
        return
    recipes.check(name)  # an unknown name is told before TensorFlow is up
    dataset = shared_flags.chosen_images(values)
    training = quiet.load("tfgen.training")
    recipe = recipes.get(name)
    if dataset:
        recipe = recipe.on(dataset)
    if values.smoke:
        recipe = recipe.smoke()
    if values.batch_size:
        recipe = dataclasses.replace(recipe, batch_size=values.batch_size)
    if values.steps:
        recipe = recipe.with_steps(values.steps)
    if values.learning_rate is not None:
        recipe = recipe.with_learning_rate(values.learning_rate)
    if values.seed is not None:
        recipe = dataclasses.replace(recipe, seed=values.seed)
    if values.precision:
        recipe = dataclasses.replace(recipe, precision=values.precision)
    path = training.train(
        recipe,
        values.out or f"runs/{name}",
        resume_command=shared_flags.command_line("train", name, values),
        **shared_flags.training_options(values),
    )
    shared_flags.print_finished(path)
