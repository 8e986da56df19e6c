"""An entry at an address arrives as it was sent or not at all, once, and is there offline."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from server import serving

from tfgen import cli, download, manifest, zoo
from tfgen.errors import UserError

FILES = {"model.keras": b"weights" * 40_000, "samples.png": b"png" * 99, "saved_model/1/a.pb": b"x"}


def checksum(content):
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def write_entry(folder, files=FILES):
    """Write an entry of small files that no one can load, with an entry.json that is right."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    listed = {name: checksum(content) for name, content in files.items()}
    write_info(folder, listed)


def write_info(folder, listed):
    info = {**zoo.find("vae_digits").info, "name": folder.name, "files": listed}
    (folder / "entry.json").write_text(json.dumps(info))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def served(tmp_path):
    write_entry(tmp_path / "served" / "small")
    with serving(tmp_path / "served") as server:
        server.entry = f"{server.address}/small"
        yield server


def pinned(server, digest=None):
    content = (server.folder / "small" / "entry.json").read_bytes()
    return f"{server.entry}#sha256={digest or hashlib.sha256(content).hexdigest()}"


def contents(entry):
    return {name: (entry.path / name).read_bytes() for name in entry.info["files"]}


def held(cache):
    """Return the names of the files of entries in the cache, without those of its own."""
    return {path.name for path in cache.glob("*/small/**/*") if path.is_file()}


def test_an_entry_arrives_as_it_is_and_is_there_offline(served, monkeypatch):
    entry = zoo.find(served.entry + "/")
    assert contents(entry) == FILES and entry.name == "small"
    assert sorted(served.asked) == ["a.pb", "entry.json", "model.keras", "samples.png"]
    del served.asked[:]
    assert zoo.find(served.entry + "/entry.json").path == entry.path
    assert served.asked == ["entry.json"]
    served.close()
    warnings = []
    monkeypatch.setattr("absl.logging.warning", lambda text, *of: warnings.append(text % of))
    assert zoo.find(served.entry + "/").path == entry.path
    assert len(warnings) == 1 and "the server cannot be reached. Its copy in" in warnings[0]


def test_an_entry_that_changes_is_fetched_anew_beside_the_one_before(served):
    first = zoo.find(served.entry)
    write_entry(served.folder / "small", {**FILES, "samples.png": b"other"})
    second = zoo.find(served.entry)
    assert contents(first) == FILES and contents(second)["samples.png"] == b"other"


def test_a_pin_holds_the_entry_and_needs_no_network_once_it_is_there(served):
    with pytest.raises(UserError, match="cannot be trusted: the SHA-256 of its entry.json is"):
        zoo.find(pinned(served, "0" * 64))
    assert served.asked == ["entry.json"]
    address = pinned(served)
    entry = zoo.find(address)
    del served.asked[:]
    assert zoo.find(address).path == entry.path and served.asked == []


SPOILT = {
    "tampered": ({"spoil": {"samples.png": lambda c: b"x" + c[1:]}}, "it is changed or corrupt"),
    "truncated": ({"spoil": {"samples.png": lambda c: c[:50]}}, "it is truncated"),
    "longer": ({"spoil": {"samples.png": lambda c: c * 2}}, "larger than 297 bytes"),
    "interrupted": ({"cut": {"samples.png": 50}}, "the connection broke off"),
    "gone": ({"redirect": {"samples.png": "/nowhere"}}, "the server answers 404 Not Found"),
}


@pytest.mark.parametrize(("ways", "sentence"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_refused_and_the_next_run_goes_on(ways, sentence, served, cache):
    for attribute, of_files in ways.items():
        getattr(served, attribute).update(of_files)
    with pytest.raises(UserError, match=sentence):
        zoo.find(served.entry)
    assert held(cache) == {"model.keras"}  # whole, and no part of another
    for attribute in ways:
        getattr(served, attribute).clear()
    del served.asked[:]
    assert contents(zoo.find(served.entry)) == FILES
    assert "model.keras" not in served.asked


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(served, cache):
    entry = zoo.find(served.entry)
    (entry.path / "model.keras").write_bytes(b"")
    killed = entry.path / ".model.keras.killed_8.tfgen"
    killed.mkdir()
    del served.asked[:]
    assert contents(zoo.find(served.entry)) == FILES
    assert served.asked == ["entry.json", "model.keras"]
    assert held(cache) == {"model.keras", "samples.png", "a.pb", "entry.json"}
    assert not killed.exists()
    (entry.path / "entry.json").write_text("{}")
    served.close()
    with pytest.raises(UserError, match="the server cannot be reached"):
        zoo.find(served.entry)


def test_processes_that_fetch_at_once_share_one_download(served):
    served.delay = 0.2
    script = "import sys; from tfgen import zoo; print(zoo.find(sys.argv[1]).path)"
    command = [sys.executable, "-c", script, served.entry]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {run.communicate()[0] for run in runs}
    assert [run.returncode for run in runs] == [0] * 3 and len(paths) == 1
    assert sorted(served.asked) == ["a.pb", *["entry.json"] * 3, "model.keras", "samples.png"]


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "a.pkl", "a\\b.png", "logs/../a.png"])
def test_a_file_that_no_entry_holds_is_not_asked_for(name, served):
    listed = {"model.keras": checksum(b""), name: checksum(b"evil")}
    write_info(served.folder / "small", listed)
    for place in (served.entry, served.folder / "small"):
        with pytest.raises(UserError, match="cannot be trusted: no entry holds a file"):
            zoo.find(place)
    assert served.asked == ["entry.json"]


def test_what_is_not_encrypted_must_be_pinned(served, monkeypatch):
    monkeypatch.setattr(download, "LOCAL", ())
    with pytest.raises(UserError, match="is not encrypted, so that others could change"):
        zoo.find(served.entry)
    assert contents(zoo.find(pinned(served))) == FILES


def test_an_encrypted_address_must_not_lead_to_one_that_is_not(served, monkeypatch):
    monkeypatch.setattr(download, "LOCAL", ("127.0.0.1",))  # stands for what https:// may send
    elsewhere = f"http://localhost:{served.server_port}/small/model.keras"
    served.redirect["samples.png"] = elsewhere
    with pytest.raises(UserError, match=f"{elsewhere} is not encrypted"):
        zoo.find(served.entry)


MISTAKES = {
    "s3://bucket/vae": "is no address of an entry: use https:// or hf://owner/repo",
    "https:///vae": "is no address of an entry",
    "https://example.org/": "must end in the name of an entry's folder",
    "https://example.org/a%2F..": "must end in the name of an entry's folder",
    "https://example.org/vae#md5=0": "must end in #sha256= and 64 hexadecimal digits",
    "https://[bad/vae": "is no address of an entry: use https:// or hf://owner/repo",
    "hf://owner": "is no address on the Hub: use hf://owner/repo",
    "hf://owner/repo.git": "is no address on the Hub: use hf://owner/repo",
    "hf://owner/my--repo": "is no address on the Hub: use hf://owner/repo",
    "hf://owner@v1/repo": "is no address on the Hub: use hf://owner/repo",
}


@pytest.mark.parametrize(("address", "sentence"), MISTAKES.items())
def test_what_is_no_address_is_told(address, sentence, cache):
    with pytest.raises(UserError, match=sentence):
        zoo.find(address)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_told(served, monkeypatch):
    monkeypatch.setenv("TFGEN_CACHE", "/proc/nowhere")
    with pytest.raises(UserError, match="/proc/nowhere.*cannot be written"):
        zoo.find(served.entry)


def test_a_cache_that_can_be_read_alone_serves_any_address_of_what_it_holds(served, cache):
    entry = zoo.find(served.entry)
    shutil.rmtree(cache / "addresses")
    (cache / "addresses").write_text("so that no folder can be made, whoever the tests run as")
    shutil.copytree(served.folder / "small", served.folder / "other" / "small")
    assert zoo.find(f"{served.address}/other/small").path == entry.path


def test_hub_addresses_without_the_package_are_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"pip install 'tfgen\[hub\]'"):
        zoo.find("hf://owner/repo")


@pytest.mark.parametrize(
    ("address", "parts"),
    {
        "hf://o/r": ("o/r", None, None),
        "hf://o/r@v1/": ("o/r", "v1", None),
        "hf://o/r@refs%2Fpr%2F1/a/b": ("o/r", "refs/pr/1", "a/b"),
        "hf://o/r/a": ("o/r", None, "a"),
    }.items(),
)
def test_the_parts_of_an_address_on_the_hub(address, parts):
    assert download.hub_parts(address) == parts


def test_a_command_takes_an_address(tmp_path, capsys):
    name = "vae_digits"
    with serving(zoo.find(name).path.parent) as server:
        for place in (name, f"{server.address}/{name}"):
            out = tmp_path / f"{len(place)}.npz"
            assert cli.main(["sample", place, "--n=3", f"--out={out}"]) == 0
    ours, theirs = (np.load(path)["images"] for path in sorted(tmp_path.glob("*.npz")))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("dataset", "refusal"),
    [
        ("/home/me/private faces", None),
        ("no name", 'takes no upload: Invalid metadata in README.md. - "no name" is no dataset'),
    ],
)
def test_the_hub_is_not_told_where_images_lie(dataset, refusal, tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    from tfgen.export.hub import prepare, upload

    mine = shutil.copytree(zoo.find("vae_digits").path, tmp_path / "mine")
    info = json.loads((mine / "entry.json").read_text())
    info["dataset"] = info["recipe"]["dataset"] = dataset
    (mine / "entry.json").write_text(json.dumps(info))
    prepare(zoo.find(mine), "hf://owner/repo", tmp_path / "out")
    text = "".join((tmp_path / "out" / name).read_text() for name in ("README.md", "entry.json"))
    assert "/home/me" not in text and "license" not in text
    manifest.verify(zoo.find(tmp_path / "out"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with serving(tmp_path / "hub") as server:
        monkeypatch.setattr(hub.constants, "ENDPOINT", server.address)
        if refusal is None:
            upload(tmp_path / "out", "hf://owner/repo")
            assert "private-faces" in (tmp_path / "hub/owner/repo/README.md").read_text()
        else:
            with pytest.raises(UserError, match=re.escape(refusal)):
                upload(tmp_path / "out", "hf://owner/repo")


def test_an_entry_that_is_pushed_to_the_hub_is_loaded_from_there(tmp_path, cache):
    pytest.importorskip("huggingface_hub")
    script = (
        "import sys; from tfgen.cli import main; code = main();"
        "sys.exit(code or 9 * ('tensorflow' in sys.modules))"  # which takes long to import
    )
    with serving(tmp_path / "hub") as server:
        settings = {
            "HF_ENDPOINT": server.address,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_TOKEN": "",
        }

        def tfgen(*words, **more):
            return subprocess.run(
                [sys.executable, "-c", script, *map(str, words)],
                env={**os.environ, **settings, **more},
                capture_output=True,
                text=True,
            )

        address, out = "hf://owner/repo/small", tmp_path / "out"
        done = tfgen("push", "vae_digits", address, "--upload")
        assert done.returncode == 2 and "there is no token of the Hub" in done.stderr
        done = tfgen("push", "vae_digits", address, "--out", out)
        assert done.returncode == 0 and "nothing was uploaded" in done.stdout
        assert not any("owner" in path for path in server.asked)
        done = tfgen("push", "vae_digits", address, "--upload", HF_TOKEN="hf_secret")
        assert done.returncode == 0, done.stderr
        there = tmp_path / "hub" / "owner" / "repo" / "small"
        sent, prepared = (
            {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
            for folder in (there, out)
        )
        assert sent == prepared
        card = (there / "README.md").read_text()
        assert card.startswith("---\n") and "library_name: keras" in card
        assert f'tfgen.load("{address}")' in card
        pin = done.stdout.split("address: ")[1].split()[0]
        done = tfgen("info", pin)
        assert done.returncode == 0 and "# vae_digits" in done.stdout, done.stderr
    digest = pin.split("=")[1]
    assert contents(manifest.read(cache / digest / "small" / "entry.json")) == contents(
        zoo.find("vae_digits")
    )
