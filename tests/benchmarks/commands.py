"""Print how long the commands take that a user or an orchestrator waits for, from their start on.

usage: python tests/benchmarks/commands.py [--json FILE] [--recipes RE] [--entries RE]
           [--data_dir DIR]

For each recipe: a run that was interrupted after its first execution is started again by the same
command, until its next execution is done (imports, data, restoring, compilation and those steps
included), and until its checkpoint is read. For each entry: `tfgen export`.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import time

from absl import app, flags
from report import report

JSON = flags.DEFINE_string("json", None, "file for the figures")
RECIPES = flags.DEFINE_string("recipes", "^(vae_mnist|gan_mnist)$", "which runs")
ENTRIES = flags.DEFINE_string("entries", "", "which entries are exported")
DATA_DIR = flags.DEFINE_string("data_dir", None, "TFDS's data directory")
TFGEN = "import sys; from tfgen import cli; sys.exit(cli.main())"
CHILD = """
import os, signal, sys, time
from tfgen import cli
from tfgen.training import loop

class Told(loop.WatchLosses):
    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        print("STEPS", time.time(), flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

class Run(loop.Run):
    def resume(self, *args):
        super().resume(*args)
        print("READ", time.time(), flush=True)

loop.WatchLosses = Told
import tfgen.training.run
tfgen.training.run.Run = Run
sys.exit(cli.main(sys.argv[1:]))
"""


def start(recipe, out):
    """Return the seconds until a run is read, and until its first execution is done."""
    words = ["train", recipe, "--out", str(out)]
    words += ["--data_dir", DATA_DIR.value] if DATA_DIR.value else []
    began = time.time()
    done = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True, text=True)
    times = dict(re.findall(r"^(READ|STEPS) ([\d.]+)$", done.stdout, re.MULTILINE))
    if done.returncode != 130 or len(times) < 2:
        raise SystemExit(done.stderr)
    return [float(times[what]) - began for what in ("READ", "STEPS")]


def main(_):
    from tfgen import recipes, zoo

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for recipe in filter(re.compile(RECIPES.value).search, recipes.names()):
            start(recipe, folder / recipe)
            read, stepped = start(recipe, folder / recipe)
            rows.append({"command": f"train {recipe}", "read_s": read, "done_s": stepped})
        for entry in filter(re.compile(ENTRIES.value).search, zoo.list_entries()):
            began = time.time()
            words = [sys.executable, "-c", TFGEN, "export", entry, "--out", folder / "served"]
            subprocess.run(words, check=True, capture_output=True)
            rows.append(
                {"command": f"export {entry}", "read_s": None, "done_s": time.time() - began}
            )
    report(rows, JSON.value)


if __name__ == "__main__":
    app.run(main)
