"""Train an entry on with other images, and leave an entry of its own.

ENTRY is a name in the zoo, a folder or an address. The weights that fit the new images are kept,
the others start fresh, and the command says which. A folder of images holds images of one size, or
one such folder per class; they are brought to the entry's grid of levels. Without --steps it trains
for a fifth of the entry's, at a third of its learning rate.
example: tfgen finetune vae_digits --images my_images --out runs/finetuned
"""

from absl import flags

from tfgen import zoo
from tfgen.cli import quiet, shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)


def define(values):
    shared_flags.other_images(values)
    flags.DEFINE_string("out", None, "folder of the new entry", flag_values=values)
    rate = "it falls to 0; else a third of the entry's"
    shared_flags.training(values, usual_rate=rate, usual_seed="the entry's")


def run(name, values):
    entry = zoo.find(name)
    if not values.out:
        raise UserError("say where the new entry goes: --out DIR.")
    if (values.images is None) == (values.dataset is None):
        raise UserError("give either --images DIR or --dataset NAME.")
    training = quiet.load("tfgen.training")

    path = training.finetune(
        entry,
        images=values.images,
        dataset=values.dataset,
        out=values.out,
        steps=values.steps,
        batch_size=values.batch_size,
        learning_rate=values.learning_rate,
        seed=values.seed,
        resume_command=shared_flags.command_line("finetune", name, values),
        **shared_flags.training_options(values),
    )
    shared_flags.print_finished(path)
