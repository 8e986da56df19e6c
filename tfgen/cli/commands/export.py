"""Export an entry, or all of the zoo, to a folder that TF Serving's model server serves.

Writes DIR/ENTRY/VERSION (a SavedModel with its warm-up requests), DIR/ENTRY/serving.md (how to ask
it, by REST and by gRPC) and DIR/models.config. ENTRY is a name in the zoo, a folder or an address.
A version that exists is never overwritten; --all leaves it and exports the others.
example: tfgen export vae_digits --out serving
"""

from absl import flags

from tfgen import zoo
from tfgen.cli import quiet
from tfgen.errors import UserError

ARGUMENTS = ("[ENTRY]",)


def define(values):
    flags.DEFINE_string("out", None, "folder of the model server", flag_values=values)
    flags.DEFINE_bool("all", False, "export every entry of the zoo", flag_values=values)
    flags.DEFINE_integer(
        "version",
        1,
        "of the served model; the server takes the largest",
        lower_bound=1,
        flag_values=values,
    )


def run(name, values):
    if values.all == (name is not None):
        raise UserError("say what to export: either ENTRY or --all.")
    entries = zoo.entries() if values.all else [zoo.find(name)]
    if not values.out:
        raise UserError("say where to: --out DIR.")
    serving = quiet.load("tfgen.export.serving")
    from tfgen.export.serving_guide import run_command

    for path in serving.export_entries(entries, values.out, values.version):
        print(path, flush=True)
    print(f"how to ask: {path.parent / 'serving.md'}")
    print("next:", "\n".join(run_command(values.out)))
