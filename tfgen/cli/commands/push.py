"""Prepare an entry for the Hugging Face Hub, and upload it if told to.

ENTRY is a name in the zoo, a folder or an address; ADDRESS is hf://owner/repo[@revision][/folder].
What goes there is shown, and kept with --out DIR: the entry's files, and its card below the Hub's
header. Only --upload sends anything, with the token of 'hf auth login' or HF_TOKEN; a repository
that is not there is made, and is private.
example: tfgen push vae_digits hf://me/vae_digits --out hub
"""

import pathlib
import tempfile

from absl import flags

from tfgen import download, manifest, zoo
from tfgen.cli import shared_flags
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY", "ADDRESS")
FILES = rf"entry\.json|{manifest.FILE_NAME.pattern}"


def define(values):
    flags.DEFINE_string("out", None, "folder to keep what is prepared", flag_values=values)
    flags.DEFINE_bool("upload", False, "upload it", flag_values=values)
    shared_flags.overwrite(values)


def run(name, address, values):
    download.hub_parts(address)
    if values.out:
        _check_free(pathlib.Path(values.out), values)
    elif values.overwrite:
        raise UserError("--overwrite goes with --out DIR; leave it out.")
    from tfgen.export import hub

    if values.upload:
        hub.check_token()
    entry = zoo.find(name)
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(values.out or scratch) / ("" if values.out else "entry")
        for file in hub.prepare(entry, address, out):
            print(f"{(out / file).stat().st_size:12,}  {file}")
        if values.upload:
            print(hub.upload(out, address))
        digest = manifest.sha256(out / "entry.json")
    print(f"address: {address}#sha256={digest}")
    if not values.upload:
        print("nothing was uploaded; to do so, add --upload")


def _check_free(out, values):
    if out.is_dir() and any(out.iterdir()) and not (out / "entry.json").exists():
        raise UserError(f"{out} is not empty and holds no entry; choose another --out.")
    shared_flags.check_free(out, "--out", values, FILES)
