"""Kill trainings with signal 9 at random moments, start them again, and compare bit for bit.

usage: python tests/kills.py [--kills 4] [--models REGULAR_EXPRESSION] [--seed 0]

Each small model of tests/models/examples.py trains twice on digits: once undisturbed, and once
killed `--kills` times, with a checkpoint after every second step. The final weights, optimizer
slots, averages, best weights and the history must be the same. Prints where the kills fell.
"""

import os
import pathlib
import pickle
import random
import re
import shutil
import signal
import sys
import tempfile
import time

from absl import app, flags

sys.path.append(str(pathlib.Path(__file__).parent / "models"))

KILLS = flags.DEFINE_integer("kills", 4, "kills of each model")
CHOSEN = flags.DEFINE_string("models", "", "regular expression of the models")
SEED = flags.DEFINE_integer("seed", 0, "of the moments")

FEWEST = 50  # kills, of all models
STEPS = 116  # with a validation after 58 of them, the largest execution is of 2


def recipe_of(name, case):
    """A recipe of 116 steps that trains an example on digits, with all that has state."""
    from examples import EXAMPLES

    from tfgen.models import REGISTRY
    from tfgen.recipes.base import Recipe

    def model(image_shape, num_classes):
        arguments = {k: v() if callable(v) else v for k, v in EXAMPLES[name][case].items()}
        arguments["image_shape"] = image_shape
        if num_classes:
            arguments["num_classes"] = num_classes
        return REGISTRY[name](**arguments)

    levels = getattr(EXAMPLES[name][case].get("likelihood"), "levels", 256)
    return Recipe(
        name=f"{name}-{case}",
        summary="",
        dataset="digits",
        levels=levels,
        model=model,
        steps=STEPS,
        batch_size=8,
        validate_every=STEPS // 2,
        average_half_life=200,
        clip_norm=1.0,
        conditional=bool(EXAMPLES[name][case].get("num_classes")),
        select=None if "GAN" in name else "loss",
        limit=64,
    )


def train(recipe, out):
    """Train in a process of its own; it leaves all its state in the file OUT/state."""
    process = os.fork()  # TensorFlow is imported, but not at work yet
    if process:
        return process
    os.dup2(os.open(out.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    from tfgen import training
    from tfgen.training import run as run_module

    def leave_state(run, out):
        state = [variable.numpy() for variable in run.checkpoints.variables]
        (out / "state").write_bytes(pickle.dumps((state, run.history)))

    run_module._leave_entry = leave_state
    training.train(recipe, out, checkpoint_seconds=0, keep=2)
    os._exit(0)


def finished(process):
    """Return whether a process has ended, and well; raises if it failed."""
    ended, status = os.waitpid(process, os.WNOHANG)
    if ended and status:
        raise SystemExit(f"a training failed with status {status}")
    return bool(ended)


def newest(out):
    steps = [int(path.name.split("-")[1]) for path in out.glob(".training/step-*")]
    return max(steps, default=0)


def killed(recipe, out, kills, rng):
    """Train, killed at random moments of its way; return the steps it was killed after.

    There are `kills` of them, or fewer if a training ends before its kill.
    """
    fallen = []
    while True:
        process = train(recipe, out)
        before = newest(out)
        left = kills - len(fallen)
        # Somewhere in the next part of the way that is left, and at any moment of a step.
        target = before + rng.randrange(2 * (STEPS - before) // (left + 1) + 1)
        while not (ended := finished(process)) and not (left and newest(out) >= target):
            time.sleep(0.001)
        if ended:
            return fallen
        time.sleep(rng.random() * 0.05)
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        if not os.WIFSIGNALED(status):  # it had ended meanwhile
            return fallen
        fallen.append(newest(out))


def main(_):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from examples import EXAMPLES

    import tfgen.training  # noqa: F401

    rng = random.Random(SEED.value)
    total = 0
    for name, cases in EXAMPLES.items():
        case = list(cases)[0]
        if not re.search(CHOSEN.value, name):
            continue
        recipe, folder = recipe_of(name, case), pathlib.Path(tempfile.mkdtemp())
        whole = train(recipe, folder / "whole")
        while not finished(whole):
            time.sleep(0.01)
        fallen = killed(recipe, folder / "killed", KILLS.value, rng)
        states = [
            pickle.loads((folder / out / "state").read_bytes()) for out in ("whole", "killed")
        ]
        (one, history), (other, other_history) = states
        same = (
            history == other_history
            and len(one) == len(other)
            and all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
        )
        print(f"{name}, {case}: killed after steps {fallen}; {len(one)} variables", flush=True)
        if not same:
            raise SystemExit(f"{name} is not the same; see {folder}")
        shutil.rmtree(folder)
        total += len(fallen)
    print(f"{total} kills; every run ended bit for bit as the undisturbed one")
    if not CHOSEN.value and total < FEWEST:
        raise SystemExit(f"of all models together these are too few: {FEWEST} are wanted")


if __name__ == "__main__":
    app.run(main)
