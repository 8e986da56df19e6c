"""Put the figures of all entries of a data set into one table.

DATASET is the data set that they were trained on, as `tfgen info ENTRY` says. The figures are those
of the entries' cards, beside the floors that real images score; nothing is measured again.
example: tfgen compare digits --out digits.md
"""

import json
import pathlib

from absl import flags

from tfgen import zoo
from tfgen.cli import shared_flags

ARGUMENTS = ("DATASET",)


def define(values):
    flags.DEFINE_enum(
        "format", "markdown", ["markdown", "json"], "markdown or json", flag_values=values
    )
    flags.DEFINE_string("out", None, "file to write what is printed to", flag_values=values)
    shared_flags.overwrite(values)


def run(dataset, values):
    from tfgen.export import comparison
    from tfgen.export.atomic import written_beside

    entries = comparison.of_dataset(zoo.entries(), dataset)
    if values.out:
        shared_flags.check_free(pathlib.Path(values.out), "--out", values)
    if values.format == "json":
        text = json.dumps(comparison.rows(entries), indent=1)
    else:
        text = comparison.markdown(entries)
    if values.out:
        with written_beside(values.out) as beside:
            beside.write_text(f"{text}\n")
    print(text)
