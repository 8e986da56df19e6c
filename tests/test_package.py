"""The wheel carries the library and the zoo, and `import tfgen` is light."""

import pathlib
import subprocess
import sys
import zipfile

import pytest

from tfgen import zoo

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=False)
    if not (source / "setup.cfg").exists():
        pytest.skip("needs a git checkout")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(source)],
        capture_output=True,
        text=True,
    )
    if done.returncode and "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("needs the package index")
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_carries_every_module_and_every_entry(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "tfgen").rglob("*.py")}
    assert modules <= names
    features = ROOT / "tfgen" / "metrics" / "features"
    assert {str(p.relative_to(ROOT)) for p in features.glob("mnist_classifier.*")} <= names
    for entry in zoo.entries():
        files = {"entry.json", "README.md", *entry.info["files"]}
        assert {f"tfgen_zoo/{entry.name}/{file}" for file in files} <= names
    assert not any("/logs/" in name or "/.training/" in name for name in names)


def test_the_unpacked_wheel_lists_and_loads_its_own_entries(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    script = """
import sys
sys.path.insert(0, sys.argv[1])
sys.meta_path = [f for f in sys.meta_path if "editable" not in str(f).lower()]
import tfgen
assert tfgen.__file__.startswith(sys.argv[1]), tfgen.__file__
assert str(tfgen.find("vae_digits").path).startswith(sys.argv[1]), tfgen.find("vae_digits").path
print(tfgen.load("vae_digits").sample(2).shape, len(tfgen.list_entries()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == str(len(zoo.entries()))


def test_import_is_light_and_registers_the_classes_with_keras():
    script = """
import sys, tfgen
assert not {"tensorflow", "keras", "sklearn"} & set(sys.modules)
import keras
assert keras.saving.get_registered_object("tfgen>VAE") is not None
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_any_package_can_be_the_first_to_import_keras():
    # Whose import then imports all models, in the midst of that package.
    script = """
import importlib, os, sys
import tensorflow
for package in ("augmentation", "games", "likelihoods", "objectives", "priors"):
    child = os.fork()
    if not child:
        importlib.import_module(f"tfgen.{package}")
        import keras
        assert keras.saving.get_registered_object("tfgen>VAE") is not None
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, package
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
