"""A checkpoint is whole or it is not there, and what was damaged later is found out."""

import errno
import resource
import shutil
import signal

import keras
import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.models import VAE
from tfgen.training import checkpoints as module
from tfgen.training.checkpoints import Checkpoints, NotSaved


@pytest.fixture(scope="module")
def model():
    model = VAE((8, 8, 1), 2, (8,))
    model.compile(keras.optimizers.Adam())
    model.build_optimizers()
    return model


@pytest.fixture
def saved(model, tmp_path):
    """Checkpoints of the steps 1 and 2, at which the first weight is 1 and 2."""
    checkpoints = Checkpoints(tmp_path, model)
    for step in (1, 2):
        fill(model, step)
        checkpoints.save(step, {"step": step})
    fill(model, 0)
    return checkpoints


def fill(model, value):
    weight = model.trainable_weights[0]
    weight.assign(np.full(weight.shape, value))


def value_of(model):
    return float(np.unique(model.trainable_weights[0].numpy()).item())


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def damaged(suffix, change):
    def damage(folder):
        (path,) = folder.glob(f"*.{suffix}*")
        path.write_bytes(change(path.read_bytes()))

    return damage


def garbage(content):
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(255 - byte for byte in content[middle : middle + 9])
        + content[middle + 9 :]
    )


DAMAGE = {
    "data cut short": damaged("data", lambda content: content[: len(content) // 2]),
    "garbage in the data": damaged("data", garbage),
    "no data": lambda folder: next(folder.glob("*.data*")).unlink(),
    "index cut short": damaged("index", lambda content: content[:100]),
    "garbage in the index": damaged("index", garbage),
    "no index": lambda folder: next(folder.glob("*.index")).unlink(),
    "nothing": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_the_newest_that_is_whole_is_restored(damage, model, saved, tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(module.logging, "warning", lambda text, *rest: warnings.append(text % rest))
    damage(tmp_path / "step-2")
    again = Checkpoints(tmp_path, model, keep=1)
    assert again.restore() == {"step": 1} and value_of(model) == 1
    assert len(warnings) == 1 and "checkpoint step-2 is unusable" in warnings[0]
    # A step on, the damaged one does not pass for the newest.
    fill(model, 2)
    again.save(2, {"step": 2})
    assert names_in(tmp_path) == ["step-2"]
    assert Checkpoints(tmp_path, model).restore() == {"step": 2}


def test_where_none_is_whole_nothing_is_changed(model, saved, tmp_path):
    for step in (1, 2):
        DAMAGE["garbage in the data"](tmp_path / f"step-{step}")
    sentence = "none of the checkpoints in .* is whole; choose another --out"
    with pytest.raises(UserError, match=sentence):
        saved.restore()
    assert value_of(model) == 0 and names_in(tmp_path) == ["step-1", "step-2"]


def test_a_checkpoint_of_another_model_is_refused_and_left(model, saved, tmp_path):
    other = VAE((8, 8, 1), 2, (9,))
    other.compile("adam")
    other.build_optimizers()
    before = other.get_weights()
    with pytest.raises(UserError, match="step-2 is of another model"):
        Checkpoints(tmp_path, other).restore()
    for weight, old in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert names_in(tmp_path) == ["step-1", "step-2"]


def test_the_newest_few_are_kept(model, tmp_path):
    checkpoints = Checkpoints(tmp_path, model, keep=2)
    assert checkpoints.restore() is None
    for step in (0, 8, 9, 10):
        checkpoints.save(step, {})
    assert sorted(names_in(tmp_path)) == ["step-10", "step-9"]


def test_a_full_disk_keeps_the_last_good_one(model, saved, tmp_path):
    fill(model, 3)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(NotSaved, match=r"step 3 .*\(File too large\); that of step 2 is kept"):
            saved.save(3, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert names_in(tmp_path) == ["step-1", "step-2"]
    saved.restore()
    assert value_of(model) == 2


def test_a_folder_that_cannot_be_written_says_so(model, tmp_path, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.mkdtemp", read_only)
    with pytest.raises(NotSaved, match=r"\(Read-only file system\); nothing is kept"):
        Checkpoints(tmp_path, model).save(1, {})
