"""Flags that several commands share."""

from absl import flags


def data_dir(values):
    flags.DEFINE_string(
        "data_dir",
        None,
        "TFDS's data directory; else TFDS_DATA_DIR, else TFDS's default",
        flag_values=values,
    )


def training(values):
    flags.DEFINE_integer("steps", None, "steps of training", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "batch_size", None, "images a step, over all replicas", lower_bound=1, flag_values=values
    )
    flags.DEFINE_enum(
        "strategy",
        "auto",
        ["auto", "one", "mirrored", "multiworker"],
        "auto, one, mirrored or multiworker",
        flag_values=values,
    )
    overwrite(values)
    data_dir(values)


def overwrite(values):
    flags.DEFINE_bool("overwrite", False, "replace what is there", flag_values=values)


def print_finished(path):
    """Say what a training left and what can be done with it."""
    from tfgen import zoo
    from tfgen.export.card import value_text

    for name, figure in zoo.find(path).info["metrics"].items():
        print(f"{name}: {value_text(figure)}")
    print(f"entry: {path}   samples: {path / 'samples.png'}")
    print(f"next: tfgen sample {path} --out more.png")
