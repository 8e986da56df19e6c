"""Show an entry's card: what it is, its figures, its training, its files.

ENTRY is a name in the zoo, a folder or an address.
example: tfgen info vae_digits
"""

import json

from absl import flags

from tfgen import zoo
from tfgen.names import looks_like_folder

ARGUMENTS = ("ENTRY",)


def define(values):
    flags.DEFINE_enum("format", "text", ["text", "json"], "text or json", flag_values=values)


def run(name, values):
    entry = zoo.find(name)
    if values.format == "json":
        print(json.dumps(entry.info, indent=1))
        return
    from tfgen.export.card import card

    print(card(entry.info, name if looks_like_folder(name) else None))
