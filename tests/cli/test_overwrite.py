"""What is there stays unless --overwrite is given, and what no command wrote stays in any case."""

import pytest
from PIL import Image
from test_cli import run


def test_an_existing_output_is_kept_unless_told_otherwise(capsys, tmp_path):
    (tmp_path / "x.png").write_text("mine")
    words = ["sample", "vae_digits", "--n=1", "--out", tmp_path / "x.png"]
    code, _, err = run(capsys, *words)
    assert code == 2 and "exists" in err and (tmp_path / "x.png").read_text() == "mine"
    assert run(capsys, *words, "--overwrite")[0] == 0
    assert Image.open(tmp_path / "x.png").format == "PNG"


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


COMMANDS = {
    "sample": ["sample", "vae_digits", "--n=2", "--out"],
    "push": ["push", "vae_digits", "hf://me/mine", "--out"],
    "encode": ["encode", "vae_digits", "--n=2", "--projector"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("mine", ["thesis.tex", "saved_model/2/notes.txt", "20240101_beach.png"])
def test_overwriting_removes_no_file_that_the_command_did_not_write(words, mine, capsys, tmp_path):
    folder = tmp_path / "results"
    if words[0] == "push" and mine.endswith("png"):
        mine = "holiday pictures.zip"  # an entry may hold any picture
    assert run(capsys, *words, folder)[0] == 0
    assert run(capsys, *words, folder, "--overwrite")[0] == 0  # replaces its own
    (folder / mine).parent.mkdir(parents=True, exist_ok=True)
    (folder / mine).write_text("mine")
    files = files_of(folder)
    code, _, err = run(capsys, *words, folder, "--overwrite")
    assert code == 2 and f"results holds {mine}, which this command does not write" in err
    assert files_of(folder) == files


def test_push_takes_no_folder_for_its_own_that_holds_no_entry(capsys, tmp_path):
    (tmp_path / "beach.png").write_text("mine")
    code, _, err = run(capsys, *COMMANDS["push"], tmp_path, "--overwrite")
    assert code == 2 and "is not empty and holds no entry; choose another --out." in err
    assert files_of(tmp_path) == ["beach.png"]
