"""Put the figures of all entries of a data set into one table.

DATASET is the data set that they were trained on, as `tfgen info ENTRY` says: all entries of the
zoo, and those of --entries, such as the folders that `tfgen train` left. The figures are those of
the entries' cards, beside the floors that real images score; nothing is measured again.
example: tfgen compare digits --out digits.md
"""

import dataclasses
import json
import pathlib

from absl import flags

from tfgen import zoo
from tfgen.cli import shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("DATASET",)


def define(values):
    flags.DEFINE_enum(
        "format", "markdown", ["markdown", "json"], "markdown or json", flag_values=values
    )
    flags.DEFINE_list(
        "entries", [], "more entries, by folder or address, with commas between", flag_values=values
    )
    flags.DEFINE_string("out", None, "file to write what is printed to", flag_values=values)
    shared_flags.overwrite(values)


def _named(word):
    """Return the `Entry` of a folder or address under that name, beside the zoo's of its own."""
    return dataclasses.replace(zoo.find(word), name=word)


def run(dataset, values):
    from tfgen.export import comparison
    from tfgen.export.atomic import written_beside

    named = [_named(word) for word in values.entries]
    once = {}  # of each folder the first entry, under whatever names it is given
    for entry in [*zoo.entries(), *named]:
        once.setdefault(entry.path.resolve(), entry)
    entries = comparison.of_dataset(once.values(), dataset)
    for entry in named:
        if entry.info["dataset"] != dataset:
            raise UserError(f"entry {entry.name} was not trained on '{dataset}'.")
    if values.out:
        shared_flags.check_free(pathlib.Path(values.out), "--out", values)
    elif values.overwrite:
        raise UserError("--overwrite goes with --out FILE; leave it out.")
    if values.format == "json":
        text = json.dumps(comparison.rows(entries), indent=1)
    else:
        text = comparison.markdown(entries)
    if values.out:
        with written_beside(values.out) as beside:
            beside.write_text(f"{text}\n", encoding="utf-8")
    print(text)
