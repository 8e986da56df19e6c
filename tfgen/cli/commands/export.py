"""Export an entry for TF Serving, as the next version below DIR/ENTRY/.

ENTRY is a name in the zoo, a folder or an address.
example: tfgen export vae_digits --out serving
"""

from absl import flags

from tfgen import zoo
from tfgen.cli import quiet
from tfgen.errors import UserError

ARGUMENTS = ("ENTRY",)


def define(values):
    flags.DEFINE_string("out", None, "folder of the model server", flag_values=values)


def run(name, values):
    entry = zoo.find(name)
    if not values.out:
        raise UserError("say where to: --out DIR.")
    saved_model = quiet.load("tfgen.export.saved_model")

    path = saved_model.export_entry(entry, values.out)
    base = path.parent.resolve()
    print(path)
    print(f"next: docker run -p 8501:8501 -v {base}:/models/{entry.name} \\")
    print(f"          -e MODEL_NAME={entry.name} tensorflow/serving")
