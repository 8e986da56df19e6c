"""Files and folders appear whole or not at all, and a failure is told of the path asked for."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tfgen.cli import results
from tfgen.errors import UserError
from tfgen.export.atomic import clear_scratch, written_beside


def test_a_folder_appears_whole_and_replaces_the_one_before(tmp_path):
    for content in ("first", "second"):
        with written_beside(tmp_path / "a" / "folder") as beside:
            beside.mkdir()
            (beside / "file").write_text(content)
        assert (tmp_path / "a" / "folder" / "file").read_text() == content
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["folder"]


def test_a_folder_that_may_not_be_replaced_stays(tmp_path):
    path = tmp_path / "folder"

    def write(content):
        with written_beside(path, replace=False) as beside:
            beside.mkdir()
            (beside / "file").write_text(content)

    write("first")
    with pytest.raises(UserError, match=f"{path} cannot be written"):
        write("second")
    assert (path / "file").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_failure_names_the_outermost_path_and_leaves_nothing(tmp_path):
    path = tmp_path / "a" / "b" / "folder"
    with (
        pytest.raises(UserError) as error,
        written_beside(path) as beside,
        written_beside(beside / "0.png"),
    ):
        raise OSError(28, "No space left on device")
    assert str(error.value) == f"{path} cannot be written: No space left on device."
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_folders_that_were_there(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(RuntimeError), written_beside(tmp_path / "mine" / "new" / "file"):
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert list((tmp_path / "mine").iterdir()) == []


def test_half_a_folder_of_any_name_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), written_beside(tmp_path / "replaced") as beside:
        beside.mkdir()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_was_to_be_replaced_comes_back_if_it_cannot_be(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "file").write_text("first")

    def fails(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails)
        with pytest.raises(UserError, match="cannot be written"), written_beside(path) as beside:
            beside.mkdir()
    assert (path / "file").read_text() == "first"
    with pytest.raises(UserError, match="cannot be written"), written_beside(path) as beside:
        beside.write_text("a file is put in no folder's place")
    assert (path / "file").read_text() == "first"
    killed = tmp_path / ".folder.killed_8.tfgen"
    killed.mkdir()
    path.rename(killed / "folder.replaced")
    (tmp_path / ".folder.personal").mkdir()  # a folder of the user's
    clear_scratch(tmp_path)
    assert (path / "file").read_text() == "first"
    assert sorted(file.name for file in tmp_path.iterdir()) == [".folder.personal", "folder"]


@pytest.mark.parametrize("name", [".", "..", "a/..", "/"])
def test_a_path_without_a_name_is_refused_before_anything_is_written(name, tmp_path, monkeypatch):
    (tmp_path / "here" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with (
        pytest.raises(UserError, match="cannot be written: the path must end in a name."),
        written_beside(name) as beside,
    ):
        pytest.fail(f"{beside} is where it would be written")
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "a"]


def test_what_a_killed_writer_left_is_cleared_by_the_next_of_that_name(tmp_path):
    for name in ("file", "other"):
        (tmp_path / f".{name}.killed_8.tfgen").mkdir()
    with written_beside(tmp_path / "file") as first, written_beside(tmp_path / "file") as second:
        first.write_text("first")  # which the second writer lets be
        second.write_text("second")
    assert (tmp_path / "file").read_text() == "first"
    assert {path.name for path in tmp_path.iterdir()} == {"file", ".other.killed_8.tfgen"}


@pytest.mark.parametrize("what", ["grid", "folder"])
def test_results_clear_what_their_killed_writer_left(what, tmp_path):
    images, out = np.zeros([1, 4, 4, 1], np.uint8), tmp_path / "a.png"
    out = out if what == "grid" else out.with_suffix("")
    killed = tmp_path / f".{out.name}.killed_8.tfgen"
    killed.mkdir()
    results.write(out, images, None, {}, [("0", images[0])])
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_what_is_being_written_is_not_cleared_away(tmp_path):
    with written_beside(tmp_path / "file") as beside:
        beside.write_text("first")
        code = "import sys; from tfgen.export import atomic; atomic.clear_scratch(sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
        assert beside.exists()
        clear_scratch(tmp_path, ["file"])
        assert beside.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
