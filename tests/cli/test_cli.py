"""The command line: its grammar, one sentence for each mistake, and no more than it needs."""

import contextlib
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from PIL import Image

from tfgen import cli, manifest, zoo
from tfgen.cli import shared_flags
from tfgen.data import folder
from tfgen.errors import UserError
from tfgen.export.pictures import grid_of


def run(capsys, *words):
    """Return (exit code, stdout, stderr) of a command run in this process."""
    code = cli.main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "words", [["--help"], ["list"], ["compare", "digits"], ["info", "vae_digits"], ["train", "-h"]]
)
def test_light_commands_are_fast_and_import_no_tensorflow(words):
    script = (
        "import sys; from tfgen import cli; code = cli.main(sys.argv[1:]);"
        "heavy = {'tensorflow', 'keras', 'sklearn'} & set(sys.modules);"
        "sys.exit(code or (9 if heavy else 0))"
    )
    took = []
    for _ in range(3):
        before = _processor_seconds()
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True
        )
        took.append(_processor_seconds() - before)
        assert done.returncode == 0, done.stderr
    assert min(took) < 0.5


def _processor_seconds():
    """Return the processor time of child processes so far, which other work does not lengthen."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", cli.commands())
def test_every_command_has_help_with_usage_flags_and_an_example(name, capsys):
    code, out, _ = run(capsys, name, "--help")
    assert code == 0 and out.startswith(f"usage: tfgen {name}")
    assert ("the first image's seed (default: 0)" in out) == (name == "sample")
    assert "flags:" in out and "example: tfgen" in out
    assert run(capsys, "help", name)[1] == out


def test_list_and_info_print_json(capsys):
    rows = json.loads(run(capsys, "list", "--format", "json")[1])
    assert "vae_digits" in [row["name"] for row in rows] and len(rows) >= 6
    info = json.loads(run(capsys, "info", "vae_digits", "--format=json")[1])
    assert info["model"] == "VAE" and "model.keras" in info["files"]
    table = run(capsys, "list")[1]
    assert all(row["name"] in table for row in rows)


def test_sample_writes_a_grid_arrays_or_a_folder(capsys, tmp_path):
    code, out, _ = run(capsys, "sample", "--n", 5, "vae_digits", "--out", tmp_path / "a.png")
    assert code == 0 and str(tmp_path / "a.png") in out
    assert Image.open(tmp_path / "a.png").size[0] > 200
    assert (
        run(capsys, "sample", "vae_digits", "--n=3", "--seed=2", f"--out={tmp_path}/a.npz")[0] == 0
    )
    arrays = np.load(tmp_path / "a.npz")
    assert arrays["images"].dtype == np.uint8 and arrays["images"].shape == (3, 8, 8, 1)
    np.testing.assert_array_equal(arrays["seeds"], [2, 3, 4])
    assert run(capsys, "sample", "vae_digits", "--n=3", "--out", tmp_path / "folder")[0] == 0
    files = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert files == ["000000.png", "000001.png", "000002.png"]
    # The image of a seed is the same in all of them.
    image = np.asarray(Image.open(tmp_path / "folder" / "000002.png"))
    np.testing.assert_array_equal(image, arrays["images"][0, ..., 0])


def test_a_conditional_entry_cycles_or_takes_a_label(capsys, tmp_path):
    name = "gan_digits_conditional"
    assert run(capsys, "sample", name, "--n=12", "--out", tmp_path / "a.npz")[0] == 0
    whole = np.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(whole["labels"], np.arange(12) % 10)
    words = ["sample", name, "--n=9", "--seed=3", "--out", tmp_path / "rest.npz"]
    assert run(capsys, *words)[0] == 0
    rest = np.load(tmp_path / "rest.npz")
    for key in ("seeds", "labels", "images"):
        np.testing.assert_array_equal(rest[key], whole[key][3:])
    assert run(capsys, "sample", name, "--n=2", "--label=7", "--out", tmp_path / "b.npz")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "b.npz")["labels"], [7, 7])
    assert run(capsys, "sample", name, "--n=12", "--out", tmp_path / "a.png")[0] == 0
    grid = np.atleast_3d(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(grid, grid_of(whole["images"], 10))  # a class a column


def test_list_shows_whole_names_however_narrow_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    shown = run(capsys, "list")[1]
    assert all(entry.name in shown for entry in zoo.entries())


def test_truncation_is_that_of_the_model(capsys, tmp_path):
    words = ["sample", "gan_digits", "--n=3", "--seed=5", "--out", tmp_path / "a.npz"]
    assert run(capsys, *words, "--truncation=0.7")[0] == 0
    expected = zoo.load("gan_digits").sample(3, seed=5, truncation=0.7)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["images"], expected)


def test_complete_keeps_what_is_known(capsys, tmp_path):
    name = "pixelcnn_digits"
    out = tmp_path / "a.npz"
    assert run(capsys, "complete", name, "--n=3", "--samples=2", "--out", out)[0] == 0
    arrays = np.load(out)
    assert arrays["completed"].shape == (6, 8, 8, 1) and arrays["mask"][:4].all()
    originals = arrays["images"].repeat(2, axis=0)
    np.testing.assert_array_equal(arrays["completed"][:, :4], originals[:, :4])
    assert np.any(arrays["completed"][:, 4:] != originals[:, 4:])
    # A file as mask, a folder as images, a folder as output.
    Image.fromarray(np.where(arrays["mask"], 255, 0).astype(np.uint8)).save(tmp_path / "mask.png")
    (tmp_path / "images").mkdir()
    for index, image in enumerate(arrays["images"]):
        Image.fromarray(image[..., 0]).save(tmp_path / "images" / f"{index}.png")
    words = ["--images", tmp_path / "images", "--mask", tmp_path / "mask.png", "--samples=2"]
    assert run(capsys, "complete", name, *words, "--out", tmp_path / "b.npz")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "b.npz")["completed"], arrays["completed"])
    assert run(capsys, "complete", name, *words, "--out", tmp_path / "folder")[0] == 0
    assert len(list((tmp_path / "folder").iterdir())) == 6
    assert run(capsys, "complete", name, "--mask=left", "--out", tmp_path / "c.png")[0] == 0
    assert Image.open(tmp_path / "c.png").size[1] > 200


def test_complete_brings_images_to_the_grid(capsys, tmp_path):
    Image.fromarray(np.full([8, 8], 7, np.uint8)).save(tmp_path / "off.png")
    words = ["--images", tmp_path / "off.png", "--samples=1", "--out", tmp_path / "a.npz"]
    assert run(capsys, "complete", "pixelcnn_digits", *words)[0] == 0
    arrays = np.load(tmp_path / "a.npz")
    assert not arrays["images"].any() and not arrays["completed"][:, :4].any()


def test_complete_takes_a_temperature_and_has_one_random_mask(capsys, tmp_path):
    words = ["complete", "pixelcnn_digits", "--n=2", "--mask=random", "--temperature=0.001"]
    for seed in (0, 9):
        assert run(capsys, *words, f"--seed={seed}", "--out", tmp_path / f"{seed}.npz")[0] == 0
    first, second = (np.load(tmp_path / f"{seed}.npz") for seed in (0, 9))
    np.testing.assert_array_equal(first["mask"], second["mask"])
    assert 20 < first["mask"].sum() < 44
    # So cold, a pixel has one value, whatever the seed.
    np.testing.assert_array_equal(first["completed"], second["completed"])


def test_what_complete_cannot_take_is_told_in_one_sentence(capsys, tmp_path):
    Image.fromarray(np.zeros([5, 8], np.uint8)).save(tmp_path / "small.png")
    Image.fromarray(np.full([8, 8], 7, np.uint8)).save(tmp_path / "off.png")
    name = "pixelcnn_digits"
    for words, sentence in [
        ([name, "--mask=bottom"], "--mask must be top, left, random or FILE.png"),
        ([name, f"--mask={tmp_path}/none.png"], "there is no file or folder"),
        ([name, f"--mask={tmp_path}/small.png"], "must hold grey images of 8x8"),
        ([name, f"--images={tmp_path}/small.png"], "must hold grey images of 8x8"),
        ([name, "--label=3"], "is unconditional; leave out --label"),
        ([name, "--temperature=0"], "temperature must be a number in (0, inf)"),
        ([name, "--seed=2147483640"], "--seed, --n and --samples reach beyond the largest seed"),
        (["vae_digits"], "only autoregressive entries complete images"),
        (["pixelcnn_digits_conditional", f"--images={tmp_path}/off.png"], "say the class with"),
    ]:
        code, out, err = run(capsys, "complete", *words, "--out", tmp_path / "x.png")
        assert code == 2 and sentence in err and err.count("\n") == 1, err
    assert not (tmp_path / "x.png").exists()


def test_other_packages_warnings_are_not_shown(capsys, tmp_path, recwarn):
    Image.fromarray(np.zeros([8, 8], np.uint8)).save(tmp_path / "a.tif")
    whole = (tmp_path / "a.tif").read_bytes()
    assert run(capsys, "list")[0] == 0
    for k in range(len(whole)):
        (tmp_path / "a.tif").write_bytes(whole[:k] + b"\xff" + whole[k + 1 :])
        with contextlib.suppress(UserError):
            folder.read_images(tmp_path / "a.tif", (8, 8, 1))
    assert not recwarn.list and capsys.readouterr().err == ""


def test_evaluate_draws_maps_of_autoregressive_entries_only(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.metrics.evaluate", lambda *_, **__: {})
    words = ["evaluate", "pixelcnn_digits_conditional", "--maps", tmp_path / "maps.png"]
    assert run(capsys, *words)[0] == 0
    assert np.ptp(np.asarray(Image.open(tmp_path / "maps.png"))) == 255
    code, _, err = run(capsys, *words)
    assert code == 2 and "maps.png exists; choose another --maps, or pass --overwrite" in err
    assert run(capsys, *words, "--overwrite")[0] == 0

    def fails(*_, **__):
        raise UserError("nothing can be measured.")

    monkeypatch.setattr("tfgen.metrics.evaluate", fails)
    code, _, err = run(capsys, *words[:3], tmp_path / "a" / "b.png")
    assert code == 2 and "nothing can be measured" in err
    assert [path.name for path in tmp_path.iterdir()] == ["maps.png"]  # no map, and no folder
    code, _, err = run(capsys, "evaluate", "vae_digits", "--maps", tmp_path / "b.png")
    assert code == 2 and "--maps is of autoregressive entries" in err
    code, _, err = run(capsys, "sample", "vae_digits", "--temperature=2", "--out", "x.png")
    assert code == 2 and "--temperature is of autoregressive entries" in err
    code, _, err = run(capsys, "sample", "vae_digits", "--truncation=2", "--out", "x.png")
    assert code == 2 and "--truncation is of GAN entries, but 'vae_digits' is of the family" in err


def test_evaluate_and_export_run_from_the_command_line(capsys, tmp_path):
    code, out, _ = run(capsys, "evaluate", "gan_digits", "--format=json")
    card = json.loads(run(capsys, "info", "gan_digits", "--format=json")[1])["metrics"]
    assert code == 0
    for name, figure in json.loads(out).items():
        np.testing.assert_allclose(figure["value"], card[name]["value"], rtol=5e-3, atol=1e-4)
    code, out, _ = run(capsys, "export", "gan_digits", "--out", tmp_path)
    assert code == 0 and (tmp_path / "gan_digits" / "1" / "saved_model.pb").exists()
    assert "docker run" in out


def test_train_leaves_an_entry_and_a_second_run_is_told_so(capsys, tmp_path):
    words = ["train", "vae_digits", "--smoke", "--precision=mixed_bfloat16"]
    words += ["--seed=3", "--learning_rate=1e-3", "--out", tmp_path / "run"]
    code, out, err = run(capsys, *words)
    assert code == 0, err
    info = json.loads((tmp_path / "run" / "entry.json").read_text())
    asked = {"precision": "mixed_bfloat16", "seed": 3, "learning_rate": 1e-3}
    assert info["recipe"].items() >= asked.items()
    assert zoo.load(tmp_path / "run").dtype_policy.name == "float32"
    assert f"entry: {tmp_path / 'run'}" in out
    code, _, err = run(capsys, *words)
    assert code == 2 and "already holds a finished entry" in err


def test_what_a_training_left_is_shown_even_where_the_zoo_has_its_name(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(zoo.find("vae_digits").path, "vae_digits")
    info = json.loads(Path("vae_digits/entry.json").read_text())
    info["metrics"] = {"a figure": {"value": 1.5, "unit": "nats", "protocol": "of this folder"}}
    Path("vae_digits/entry.json").write_text(json.dumps(info))
    shared_flags.print_finished(Path("vae_digits"))
    out = capsys.readouterr().out
    assert out.startswith("a figure: 1.5 nats\n")
    assert "next: tfgen sample ./vae_digits " in out


MISTAKES = [
    (["lits"], "command 'lits' not found; did you mean 'list'?"),
    (["train", "vae_digit"], "recipe 'vae_digit' not found; did you mean 'vae_digits'?"),
    (["sample", "vae_digit", "--out=x.png"], "did you mean 'vae_digits'?"),
    (["info"], "takes ENTRY, but got none"),
    (["info", "a", "b"], "takes ENTRY, but got a b"),
    (["sample", "vae_digits"], "say where to: --out"),
    (["sample", "vae_digits", "--n=0"], "flag --n needs a positive integer, but got '0'"),
    (["sample", "vae_digits", "--n=two"], "flag --n needs a positive integer, but got 'two'"),
    (["sample", "vae_digits", "--temperature=hot"], "--temperature needs a number, but got 'hot'"),
    (
        ["sample", "gan_digits", "--truncation=0", "--out=x.png"],
        "truncation must be a number in (0, inf]",
    ),
    (["sample", "vae_digits", "--overwrite=x"], "--overwrite needs true or false, but got 'x'"),
    (["export", "vae_digits", "--out"], "flag --out needs a value"),
    (["export", "--out", "--", "vae_digits"], "flag --out needs a value"),
    (["train", "vae_digits", "--out", "--smoke"], "flag --out needs a value"),
    (["sample", "vae_digits", "--out=x.jpeg"], "must end in .png or .npz"),
    (["sample", "vae_digits", "--label=3", "--out=x.png"], "is unconditional"),
    (["sample", "gan_digits_conditional", "--label=10", "--out=x.png"], "but is '10': 0..9."),
    (["sample", "vae_digits", "--uot=x.png"], "flag '--uot' not found; did you mean '--out'?"),
    (["list", "--xyz"], "flag '--xyz' not found; there is --format"),
    (["evaluate", "vae_digits", "--dataset=digit"], "did you mean 'digits'?"),
    (["evaluate", "vae_digits", "--split=tset"], "--split needs train or validation or test, but"),
    (["finetune", "vae_digits", "--out=x"], "give either --images DIR or --dataset NAME"),
    (["finetune", "vae_digits", "--images=nowhere/x", "--out=x"], "there is no folder"),
    (["train", "vae_digits", "--precision=half"], "--precision"),
    (["train", "vae_digits", "--images=a", "--dataset=digits"], "give either --images DIR or --da"),
    (["train", "vae_digits", "--images=nowhere", "--out=x"], "there is no folder nowhere"),
    (["train", "vae_digits", "--learning_rate=0"], "learning_rate must be a number in (0, inf)"),
    (["train", "vae_digits", "--seed=3000000000"], "seed must be an integer in 0..2147482647, but"),
    (["train", "vae_digits", "--learning_rate=fast"], "--learning_rate needs a number, but got"),
    (["train", "vae_digits", "--batch_size=7", "--strategy=mirrored"], "cannot share a batch of 7"),
    (["evaluate", "vae_digits", "--overwrite"], "--overwrite goes with --maps FILE.png; leave it"),
    (["compare", "digits", "--overwrite"], "--overwrite goes with --out FILE; leave it out"),
    (["push", "vae_digits", "hf://me/vae", "--overwrite"], "--overwrite goes with --out DIR; leav"),
    (["encode", "vae_digits", "--images=x", "--split=test", "--out=x.npz"], "leave out --split"),
    (["traverse", "vae_digits", "--images=x", "--data_dir=y", "--out=x"], "leave out --data_dir"),
    (["interpolate", "vae_digits", "--images=x", "--split=train", "--out=x"], "those of --images;"),
    (["complete", "pixelcnn_digits", "--images=x", "--data_dir=y", "--out=x"], "out --data_dir"),
    (["export", "vae_digits"], "say where to: --out DIR"),
    (["export", "vae_digits", "--out=/proc/nowhere"], "cannot be written"),
    (["train", "vae_digits", "--smoke", "--out=/proc/nowhere"], "cannot be written"),
    (["sample", "vae_digits", "--n=1", "--out=/proc/nowhere/x.png"], "cannot be written"),
    (["sample", "vae_digits", "--seeds=0:9", "--out=/proc/nowhere/x"], "cannot be written"),
    (["sample", "vae_digits", "--seeds=0:9"], "say where to: --out DIR"),
    (["sample", "vae_digits", "--seeds=0:9", "--out=x.png"], "so --out must not be x.png"),
    (["sample", "vae_digits", "--seeds=9", "--out=x"], "needs FIRST:END, as in 0:50000, but is '9"),
    (["sample", "vae_digits", "--seeds=9:9", "--out=x"], "--seeds 9:9 is empty"),
    (["sample", "vae_digits", "--seeds=9:3", "--out=x"], "--seeds 9:3 is empty"),
    (["sample", "vae_digits", "--seeds=0:2147483648", "--out=x"], "beyond the largest seed"),
    (["sample", "vae_digits", "--seeds=0:9", "--n=9", "--out=x"], "--n does not go with --seeds"),
    (["sample", "vae_digits", "--seeds=0:9", "--shard=3", "--out=x"], "needs I/N, as in 3/16"),
    (["sample", "vae_digits", "--seeds=0:9", "--shard=3/3", "--out=x"], "shards count from 0, so"),
    (["sample", "vae_digits", "--seeds=0:9", "--shard=2:2/3", "--out=x"], "is out of range"),
    (["sample", "vae_digits", "--seeds=0:9", "--shard=0/10", "--out=x"], "cannot cut 9 seeds into"),
    (["sample", "vae_digits", "--seeds=0:1", "--shard=0/2", "--out=x"], "cannot cut 1 seed into 2"),
    (["sample", "vae_digits", "--seeds=0:9", "--shard=0/0", "--out=x"], "cannot cut 9 seeds into"),
    (["sample", "vae_digits", "--shard=0/3", "--out=x"], "--shard goes with --seeds FIRST:END"),
    (["sample", "s3://bucket/vae_digits", "--out=x"], "is no address of an entry: use https://"),
    (["push", "vae_digits", "me/vae"], "is no address on the Hub: use hf://owner/repo"),
    (["push", "vae_digits", "hf://me/vae#sha256=0"], "is no address on the Hub: use hf://owner/"),
]


@pytest.mark.parametrize(("words", "sentence"), MISTAKES, ids=lambda x: " ".join(x)[:40])
def test_a_mistake_is_told_in_one_sentence_with_exit_code_2(
    words, sentence, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *words)
    assert code == 2 and out == ""
    told = [line for line in err.splitlines() if sentence in line]
    assert len(told) == 1 and told[0].startswith("tfgen: "), err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_exits_with_130_and_a_defect_keeps_its_traceback(monkeypatch, capsys):
    class Interrupted(UserError):
        pass

    def raises(error):
        def dispatch(argv):
            raise error

        monkeypatch.setattr(cli, "_dispatch", dispatch)

    raises(Interrupted("interrupted at step 3"))
    assert run(capsys)[0] == 130
    raises(KeyboardInterrupt())
    code, _, err = run(capsys, "train", "vae_digits", "--out", "my run")
    assert code == 130
    assert err == "tfgen: interrupted; to go on, run: tfgen train vae_digits --out 'my run'\n"
    raises(PermissionError(13, "Permission denied", "/root/run"))
    code, _, err = run(capsys, "train", "vae_digits", "--out", "/root/run")
    assert (code, err) == (2, "tfgen: /root/run cannot be used: Permission denied.\n")
    raises(RuntimeError("a defect"))
    with pytest.raises(RuntimeError):
        cli.main([])


@pytest.mark.parametrize(
    ("line", "goes_on"),
    [
        ("train vae_digits", True),
        ("finetune vae_digits --images x --out y", True),
        ("sample vae_digits --seeds 0:9 --out x", True),
        ("sample --seeds=0:9 vae_digits --out x", True),
        ("sample vae_digits --seed=0 --out seeds.png", False),
        ("export --all --out x", True),
        ("export vae_digits --out all", False),
        ("evaluate train", False),
        ("", False),
    ],
)
def test_only_what_keeps_its_work_is_said_to_go_on(line, goes_on, monkeypatch, capsys):
    def dispatch(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_dispatch", dispatch)
    code, _, err = run(capsys, *line.split())
    told = f"; to go on, run: tfgen {line}" if goes_on else "."
    assert (code, err) == (130, f"tfgen: interrupted{told}\n")


@pytest.mark.parametrize(
    ("label", "number"), [("7", 0), ("owl", 1), ("2", 2), ("dog", 2), ("3", None), ("-1", None)]
)
def test_a_class_goes_by_its_name_before_its_number(label, number):
    entry = manifest.Entry("mine", None, {"class_names": ["7", "owl", "dog"], "num_classes": 3})
    values = flags.FlagValues()
    shared_flags.label(values)
    values(["", f"--label={label}"])
    if number is not None:
        assert shared_flags.check_label(values, entry) == number
        assert shared_flags.labels_of(np.arange(2), values, entry).tolist() == [number, number]
        return
    with pytest.raises(UserError, match=f"'mine', .* but is '{label}': 0 7, 1 owl, 2 dog.$"):
        shared_flags.check_label(values, entry)


def test_the_command_to_go_on_repeats_the_flags_that_were_given_but_for_overwrite():
    values = flags.FlagValues()
    shared_flags.training(values)
    values(["tfgen", "--steps=3", "--overwrite", "--data_dir=my data"])
    again = shared_flags.command_line("train", "vae_digits", values)
    assert again == "tfgen train vae_digits --steps=3 '--data_dir=my data'"


def test_an_output_that_nobody_reads_on_is_no_error():
    done = subprocess.run(
        f'{sys.executable} -c \'import sys; from tfgen.cli import main; sys.exit(main(["info", '
        '"vae_digits"]))\' | head -1',
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("# vae_digits") and "Traceback" not in done.stderr
