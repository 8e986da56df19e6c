"""Train a recipe: data, model, distributed fit, checkpoints, and a finished entry at the end.

out/.training/   checkpoints and settings, while it runs; a killed run goes on from them
out/logs/        TensorBoard
out/entry.json   and the other files of the entry, once it is finished
"""

import contextlib
import hashlib
import pathlib
import shlex
import signal
import threading

import numpy as np
from absl import logging

from tfgen import data as image_data
from tfgen import hardware, metrics
from tfgen.errors import UserError, check_counts
from tfgen.export import entry as entry_files
from tfgen.recipes.base import LARGEST_TRAINING_SEED
from tfgen.training import run_folder
from tfgen.training.loop import Run, digest
from tfgen.training.precision import warn_if_emulated
from tfgen.training.progress import save_training_picture
from tfgen.training.strategy import check_batch_size, choose_strategy
from tfgen.training.workers import LOST, Workers

KEEP = 3
IMAGES_COMPARED = 100  # of those that each worker reads
ON_NAN = ("stop", "rollback")
CHECKPOINT_SECONDS = 60


class Interrupted(UserError):
    """Training was interrupted; all its work is kept, and the sentence says how to go on."""


def train(
    recipe,
    out,
    *,
    strategy="auto",
    data_dir=None,
    overwrite=False,
    keep=KEEP,
    checkpoint_seconds=CHECKPOINT_SECONDS,
    on_nan="stop",
    initial_weights=None,
    resume_command=None,
):
    """Train `recipe` (see `recipes.base`) and leave the finished entry in the folder `out`.

    A run that was interrupted there goes on where it was. Returns the path of the entry.

    Args:
        recipe: the `Recipe`.
        out: folder of the entry; several workers must share it.
        strategy: its name, or a `tf.distribute.Strategy`; see `choose_strategy`.
        data_dir: TFDS's data directory.
        overwrite: replace a finished entry or another training in `out`. To go on with one that
            was interrupted it need not be given again.
        keep: how many checkpoints, the newest ones, are kept.
        checkpoint_seconds: between two checkpoints.
        on_nan: what follows when a loss explodes, or it or a weight is not finite: "stop", or
            "rollback" to the last checkpoint, from where data order and noise take another way;
            at most `loop.MAX_ROLLBACKS` times.
        initial_weights: a function that sets the weights of the new model and returns notes for
            `entry.json`, for fine-tuning.
        resume_command: what to tell the user to run after an interruption.

    Raises `UserError` for what cannot be: an `out` that holds another entry or cannot be written,
    a batch that the replicas cannot share, unknown data, workers that disagree or are lost, a
    training that diverges; `Interrupted` after Ctrl-C or SIGTERM.
    """
    out = pathlib.Path(out)
    command = resume_command or shlex.join(["tfgen", "train", recipe.name, "--out", str(out)])
    if on_nan not in ON_NAN:
        raise UserError(f"on_nan must be one of {', '.join(ON_NAN)}, but is '{on_nan}'.")
    if keep < 1:
        raise UserError(f"keep must be at least 1, but is {keep}.")
    check_counts(minimum=0, maximum=LARGEST_TRAINING_SEED, seed=recipe.seed)
    chosen = choose_strategy(strategy)
    check_batch_size(recipe.batch_size, chosen)
    run_folder.check_free(out, recipe, overwrite)
    workers = Workers(chosen)
    data = image_data.load(
        recipe.dataset, data_dir=data_dir, levels=recipe.levels, limit=recipe.limit
    )
    if recipe.conditional and not data.num_classes:
        raise UserError(
            f"a conditional model needs labels, but '{data.name}' has none; take a data set with "
            "labels, or sort the images into one folder per class."
        )
    missing = data.missing_classes("train") if recipe.conditional else []
    if missing:
        raise UserError(
            f"a conditional model needs images of all classes, but of '{missing[0]}' there are "
            f"none in the training split of '{data.name}'; add some, or take the class out."
        )
    try:
        with workers.loss_told(command), contextlib.ExitStack() as held:
            _check_agreed(workers, recipe, data)
            run = Run(recipe, data, workers, run_folder.state_of(out), keep, initial_weights)
            # Only now, so that a model that cannot be leaves nothing behind.
            _claim(workers, recipe, out, overwrite, held)
            if workers.is_chief:
                replicas = chosen.num_replicas_in_sync
                many = f", {replicas} replicas" if replicas > 1 else ""
                logging.info("training on %s%s", hardware.describe(), many)
                logging.info("%s", data.where)
                warn_if_emulated(recipe.precision)
            run.resume(overwrite)
            with _interrupt_flag() as interrupted:
                run.fit(out / "logs", interrupted, checkpoint_seconds, on_nan == "rollback")
            if run.stopped or workers.any(interrupted.is_set()):
                with contextlib.suppress(*LOST):  # no worker ends while the chief still writes
                    workers.wait()
                raise Interrupted(
                    f"interrupted at step {run.step} of {recipe.steps}; "
                    f"all is kept in {out}. To go on, run: {command}"
                )
            if workers.is_chief:
                _leave_entry(run, out)
                run_folder.clear(out)
            try:
                workers.wait()
            except LOST:
                if run_folder.is_unfinished(out):
                    raise
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; to go on from the last checkpoint, run: {command}"
        ) from None
    return out


def _check_agreed(workers, recipe, data):
    """Raise `UserError` unless all workers train the same recipe on the same images."""
    first = np.asarray(data.images("train", IMAGES_COMPARED)).tobytes()
    images = f"{data.size('train')} images, {hashlib.sha256(first).hexdigest()}"
    # A strategy does not survive that its workers build different models.
    model = digest(recipe.model_for(data)) if workers.several else ""
    workers.check_same(
        f"{run_folder.settings(recipe)} {images} {model}",
        "the workers train different recipes, or on different images; "
        "start all of them with the same command and the same files.",
    )


def _claim(workers, recipe, out, overwrite, held):
    """Make the folder `out` ready for this training; raise `UserError` if it cannot be.

    The chief holds it until the `contextlib.ExitStack` closes.
    """
    refusal = None
    if workers.is_chief:
        try:
            held.enter_context(run_folder.held(out))
            run_folder.check_free(out, recipe, overwrite)  # again: another may have come first
            run_folder.prepare(out, recipe)
        except UserError as error:
            refusal = error
    if workers.any(refusal is not None):
        raise refusal or UserError(
            f"the chief of the workers cannot train in {out}; its own sentence says why."
        )
    workers.check_same(
        str(sorted(path.name for path in run_folder.state_of(out).glob("*"))),
        f"the workers see different files in {out}; --out must be a folder that all of them share.",
    )


def _leave_entry(run, out):
    recipe, data = run.recipe, run.data
    model = run.finished_model()
    logging.info("evaluating on the test split")
    record = {
        "name": out.name if out.name not in ("", ".") else recipe.name,
        "summary": recipe.summary,
        "dataset": data.name,
        "levels": data.levels,
        "class_names": list(data.class_names) if recipe.conditional else [],
        "recipe": recipe.settings(),
        "published": recipe.published,
        "training": run.record(),
        "metrics": metrics.evaluate(
            model, data, "test", importance_samples=recipe.importance_samples
        ),
    }
    if recipe.binarised_too:
        record["binarised_metrics"] = metrics.evaluate(model, data.at_levels(2), "test")
    pictured = save_training_picture(run.directory, out / "training.png")
    record["training"]["pictured_steps"] = pictured
    entry_files.write(model, out, record)


@contextlib.contextmanager
def _interrupt_flag():
    """Yield an event that Ctrl-C or SIGTERM sets, so that training stops between executions."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def stop(number, _frame):
        if interrupted.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt  # a second Ctrl-C does not wait
        interrupted.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
