"""Shards are what one run makes of their seeds, whoever writes them and however often it stops."""

import json
import pathlib
import re
import shutil
import sys
import textwrap
import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgen import cli, zoo
from tfgen.cli.commands import sample
from tfgen.data.folder import read_images
from tfgen.errors import UserError
from tfgen.export import shards

FIRST, END, SHARDS = 999_980, 1_000_042, 3  # seeds of six and of seven digits
KINDS = ["tfrecord", "array_record", "png"]


@pytest.fixture(autouse=True, scope="module")
def small_batches():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "BATCH", 8)
        yield


def described(kind="tfrecord", first=FIRST, end=END, number=SHARDS, labels="seed % 7", **settings):
    entry = zoo.find("vae_digits")
    return shards.describe(entry, first, end, number, kind, labels, settings)


class Draw:
    """Draws images that a hash of the seed fills; stops at the seed `stop` as if it were killed."""

    def __init__(self, stop=END):
        self.stop, self.drawn = stop, []

    def __call__(self, first, end):
        if end > self.stop:
            raise KeyboardInterrupt
        seeds = np.arange(first, end)
        self.drawn += seeds.tolist()
        assert len(seeds) <= shards.BATCH
        pixels = seeds[:, None] * np.arange(1, 65)[None] * 2654435761 >> 7
        return seeds, seeds % 7, (pixels % 256).astype(np.uint8).reshape(-1, 8, 8, 1)


def fill(folder, kind, chosen=range(SHARDS), draw=None):
    settings = described(kind)
    shards.claim(folder, settings)
    for shard in chosen:
        shards.write(folder, settings, shard, draw or Draw())
    return folder


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module", params=KINDS)
def whole(request, tmp_path_factory):
    """The folder of one run, and its format."""
    if request.param == "array_record":
        pytest.importorskip("array_record")
    return fill(tmp_path_factory.mktemp("whole") / "run", request.param), request.param


def test_shards_written_in_any_order_make_up_one_run(whole, tmp_path):
    one, kind = whole
    for shard in (2, 0, 1):
        fill(tmp_path / "run", kind, [shard])
    assert files(tmp_path / "run") == files(one)


def test_a_killed_run_goes_on_and_redoes_no_finished_file(whole, tmp_path):
    one, kind = whole
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fill(folder, kind, draw=Draw(stop=FIRST + 50))
    finished = files(folder)
    assert files(one).items() > finished.items() and len(finished) > 2
    name = "1000041.png" if kind == "png" else f"samples-00002-of-00003.{kind}"
    (folder / f".{name}.killed_8.tfgen").mkdir()
    (folder / f".{name}.killed_8.tfgen" / name).write_text("half")
    other = folder / f".other-{name}.killed_8.tfgen"
    other.mkdir()
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}
    draw = Draw()
    fill(folder, kind, draw=draw)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert FIRST not in draw.drawn and END - 1 in draw.drawn
    assert other.exists()
    other.rmdir()
    assert files(folder) == files(one)


@pytest.mark.parametrize(
    "entry",
    [
        "vae_digits",  # whose noise is drawn as a GAN's is
        pytest.param("r3gan_mnist", marks=pytest.mark.exhaustive),
        "pixelcnn_digits",
    ],
)
def test_a_models_images_are_the_same_however_a_run_is_cut(entry, tmp_path):
    for number, folder in ((1, "one"), (2, "two"), (3, "three")):
        words = ["sample", entry, "--seeds=0:300", f"--shard=0:{number}/{number}", "--format=png"]
        assert cli.main([*words, "--out", str(tmp_path / folder)]) == 0
    one, two, three = (files(tmp_path / folder) for folder in ("one", "two", "three"))
    for other in (two, three):
        assert [name for name in one if name.endswith("png") and one[name] != other[name]] == []
    assert len(one) == 301


def test_samples_json_tells_which_file_holds_which_seeds(whole):
    folder, kind = whole
    told = json.loads((folder / "samples.json").read_text())
    entry = zoo.find("vae_digits")
    assert told["weights_sha256"] == entry.info["files"]["model.keras"]["sha256"]
    assert [shard["seeds"] for shard in told["shards"]] == [
        [FIRST, FIRST + 16],
        [FIRST + 16, FIRST + 40],
        [FIRST + 40, END],
    ]
    for shard in told["shards"]:
        if kind == "tfrecord":
            records = tf.data.TFRecordDataset(str(folder / shard["file"])).as_numpy_iterator()
            examples = [tf.train.Example.FromString(record).features.feature for record in records]
            seeds = [int(feature["seed"].int64_list.value[0]) for feature in examples]
            assert seeds == list(range(*shard["seeds"]))
            assert [int(feature["label"].int64_list.value[0]) for feature in examples] == [
                seed % 7 for seed in seeds
            ]
        assert ("file" in shard) == (kind != "png")


def test_a_png_is_named_by_its_seed_and_the_folder_is_a_data_set(tmp_path):
    folder = fill(tmp_path / "run", "png")
    _, _, (image,) = Draw()(FIRST + 3, FIRST + 4)
    np.testing.assert_array_equal(Image.open(folder / "0999983.png"), image[..., 0])
    assert read_images(folder, (8, 8, 1)).shape == (END - FIRST, 8, 8, 1)


DIFFERENT = {
    "seeds": {"first": FIRST + 1},
    "shards": {"number": 4},
    "labels": {"labels": 3},
    "settings": {"temperature": 0.5},
    "format": {"kind": "array_record"},
}


@pytest.mark.parametrize(("key", "change"), DIFFERENT.items())
def test_a_folder_of_other_samples_is_left_alone(key, change, tmp_path):
    pytest.importorskip("array_record")
    folder = tmp_path / "run"
    shards.claim(folder, described())
    before = files(folder)
    with pytest.raises(UserError, match=f"holds samples of .*{key}.*; choose another --out"):
        shards.claim(folder, described(**change))
    assert files(folder) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty; choose another --out"):
        shards.claim(tmp_path, described())
    with pytest.raises(UserError, match="is a file; --out must name a folder"):
        shards.claim(tmp_path / "mine.txt", described())
    (tmp_path / "mine.txt").rename(tmp_path / "samples.json")
    with pytest.raises(UserError, match="samples.json cannot be read"):
        shards.claim(tmp_path, described())


def test_of_processes_with_different_settings_one_gets_the_folder(tmp_path):
    outcomes = []

    def claim(number):
        try:
            shards.claim(tmp_path / "run", described(number=number))
            outcomes.append(number)
        except UserError:
            pass

    threads = [threading.Thread(target=claim, args=[1 + number % 4]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4 and len(set(outcomes)) == 1
    assert list(files(tmp_path / "run")) == ["samples.json"]


def test_a_format_whose_package_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "array_record.python", None)
    with pytest.raises(UserError, match="needs the package array_record"):
        described("array_record")


def test_the_command_draws_what_the_model_does_and_its_help_reads_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "gan_digits_conditional"
    for shard in ("1/2", "0/2"):
        words = ["sample", name, "--seeds=5:45", f"--shard={shard}", "--out=DIR"]
        assert cli.main(words) == 0
    there = pathlib.Path("DIR")
    assert sorted(path.name for path in there.iterdir()) == [
        "samples-00000-of-00002.tfrecord",
        "samples-00001-of-00002.tfrecord",
        "samples.json",
    ]
    snippet = textwrap.dedent(re.search(r"    def image.*", sample.__doc__, re.DOTALL)[0])
    names = {"tf": tf}
    exec(snippet, names)
    images = np.stack(list(names["images"].as_numpy_iterator()))
    labels = np.arange(5, 45) % 10
    np.testing.assert_array_equal(images, zoo.load(name).sample(40, seed=5, labels=labels))
    shutil.rmtree(there)
    assert cli.main(["sample", name, "--seeds=5:8", "--label=4", "--format=png", "--out=DIR"]) == 0
    fours = read_images(there, (8, 8, 1))
    np.testing.assert_array_equal(fours, zoo.load(name).sample(3, seed=5, labels=4))
