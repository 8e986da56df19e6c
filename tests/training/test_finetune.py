"""Fine-tuning keeps the weights that fit, and says which."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image
from test_run import VAE_RECIPE

from tfgen import data, training, zoo
from tfgen.errors import UserError
from tfgen.likelihoods import DiscretizedLogisticMixture
from tfgen.models import VAE
from tfgen.objectives import ELBO
from tfgen.priors import VampPrior


@pytest.fixture(scope="module")
def entry(tmp_path_factory):
    return training.train(VAE_RECIPE, tmp_path_factory.mktemp("entries") / "small")


def folder_of(tmp_path, *size, n=40):
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(n):
        pixels = rng.integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    return folder


def test_all_weights_are_kept_for_images_of_the_same_shape(entry, tmp_path, unmeasured):
    folder = folder_of(tmp_path, 8, 8)
    path = training.finetune(entry, images=folder, out=tmp_path / "out", steps=1)
    about = zoo.find(path).info["training"]
    assert about["finetuned_from"] == "small" and not about["weights_fresh"]
    # One small step away from the entry.
    for old, new in zip(zoo.load(entry).get_weights(), zoo.load(path).get_weights(), strict=True):
        np.testing.assert_allclose(old, new, atol=2e-3)


def test_the_rate_and_the_seed_are_the_entrys_but_for_what_is_asked(entry, tmp_path, unmeasured):
    folder, usual = folder_of(tmp_path, 8, 8), VAE_RECIPE.learning_rate / 3
    found = {}
    for name, asked in (("usual", {}), ("other", {"learning_rate": 0.02, "seed": 7})):
        path = training.finetune(entry, images=folder, out=tmp_path / name, steps=1, **asked)
        found[name] = zoo.find(path).info["recipe"]
    assert found["usual"]["learning_rate"] == pytest.approx(usual) and found["usual"]["seed"] == 0
    assert found["other"]["learning_rate"] == 0.02 and found["other"]["seed"] == 7
    assert found["usual"]["final_learning_rate"] == found["other"]["final_learning_rate"] == 0
    with pytest.raises(
        UserError, match=r"^learning_rate must be a number in \(0, inf\), but is -1"
    ):
        training.finetune(entry, images=folder, out=tmp_path / "out", learning_rate=-1.0)
    with pytest.raises(UserError, match="^seed must be an integer in 0..2147482647, but is -1"):
        training.finetune(entry, images=folder, out=tmp_path / "out", seed=-1)
    assert not (tmp_path / "out").exists()


def test_weights_of_another_shape_start_fresh_and_are_named(entry, tmp_path, unmeasured):
    folder = folder_of(tmp_path, 6, 5)
    path = training.finetune(entry, images=folder, out=tmp_path / "out", steps=1)
    info = zoo.find(path).info
    assert info["image_shape"] == [6, 5, 1]
    kept, fresh = info["training"]["weights_kept"], info["training"]["weights_fresh"]
    assert len(kept) == 5 and len(fresh) == 3  # fresh: the three of the size of an image
    assert zoo.load(path).sample(2).shape == (2, 6, 5, 1)


def test_a_folder_of_five_images_leaves_an_entry_without_what_one_test_image_cannot_tell(
    entry, tmp_path
):
    path = training.finetune(
        entry, images=folder_of(tmp_path, 8, 8, n=5), out=tmp_path / "out", steps=1
    )
    figures = zoo.find(path).info["metrics"]
    assert figures["negative ELBO"]["n"] == 1 and "NaN" not in (path / "entry.json").read_text()
    assert "active units" not in figures
    assert not any("standard_error" in figure for figure in figures.values())
    assert zoo.load(path).sample(1).shape == (1, 8, 8, 1)


def test_no_warm_up_starts_again(tmp_path, monkeypatch, unmeasured):
    def model(image_shape, num_classes):
        likelihood = DiscretizedLogisticMixture(17, 1)
        return VAE(image_shape, 2, (8,), likelihood=likelihood, objective=ELBO(2.0, 1000))

    recipe = dataclasses.replace(VAE_RECIPE, model=model, importance_samples=2).with_steps(1)
    path = training.train(recipe, tmp_path / "entry")
    assert keras.models.load_model(path / "model.keras").objective == ELBO(2.0)
    # Of an entry that was written before it ended, loading ends it.
    old = model((8, 8, 1), 0)
    old.compile("adam")
    old.save(path / "model.keras")
    monkeypatch.setattr(zoo.manifest, "verify", lambda entry: None)
    assert keras.models.load_model(path / "model.keras").objective == ELBO(2.0, 1000)
    assert zoo.load(path).objective == ELBO(2.0)


def test_pseudo_inputs_take_images_of_another_shape(tmp_path, unmeasured):
    def model(image_shape, num_classes):
        likelihood = DiscretizedLogisticMixture(17, 1)
        prior = VampPrior(2, image_shape, 5)
        return VAE(image_shape, 2, (8,), likelihood=likelihood, prior=prior)

    recipe = dataclasses.replace(VAE_RECIPE, model=model, importance_samples=2).with_steps(1)
    path = training.train(recipe, tmp_path / "entry")
    folder = folder_of(tmp_path, 6, 5)
    new = zoo.load(training.finetune(path, images=folder, out=tmp_path / "out", steps=1))
    assert new.sample(2).shape == (2, 6, 5, 1) and new.prior.image_shape == (6, 5, 1)


def test_a_recipe_learns_images_of_ones_own(tmp_path, unmeasured):
    recipe = dataclasses.replace(VAE_RECIPE, published="79 nats", binarised_too=True)
    assert recipe.on("digits") is recipe
    own = recipe.on(folder_of(tmp_path, 8, 6)).with_steps(1)
    assert own.published == "" and not own.binarised_too
    entry = zoo.find(training.train(own, tmp_path / "out"))
    assert entry.info["image_shape"] == [8, 6, 1] and not entry.info["published"]
    assert entry.info["dataset"] == str(tmp_path / "images")
    assert zoo.load(entry).sample(2).shape == (2, 8, 6, 1)


@pytest.mark.exhaustive
def test_all_of_the_images_are_used_and_read_once(tmp_path, monkeypatch, unmeasured):
    path = training.train(dataclasses.replace(VAE_RECIPE, limit=9).with_steps(1), tmp_path / "old")
    loaded, load = [], data.load
    monkeypatch.setattr(data, "load", lambda *a, **o: loaded.append(load(*a, **o)) or loaded[-1])
    folder = folder_of(tmp_path, 8, 8)
    new = zoo.find(training.finetune(path, images=folder, out=tmp_path / "out", steps=1))
    assert len(loaded) == 1 and loaded[0].size("train") > 9
    assert new.info["recipe"]["limit"] is None


@pytest.mark.exhaustive
def test_a_conditional_entry_needs_labelled_images(tmp_path, unmeasured):
    recipe = dataclasses.replace(VAE_RECIPE, conditional=True, importance_samples=2).with_steps(1)
    path = training.train(recipe, tmp_path / "entry")
    with pytest.raises(UserError, match="labels, but '.*' has none; .* one folder per class"):
        training.finetune(path, images=folder_of(tmp_path, 8, 8), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_requests_are_refused(entry, tmp_path):
    with pytest.raises(UserError, match="either images .* or a dataset"):
        training.finetune(entry, out=tmp_path / "out")
    with pytest.raises(UserError, match="there is no folder"):
        training.finetune(entry, images=tmp_path / "none", out=tmp_path / "out")
    with pytest.raises(UserError, match="holds no entry"):
        training.finetune(tmp_path, dataset="digits", out=tmp_path / "out")


def test_images_that_an_entry_cannot_learn_are_refused(tmp_path):
    folder = folder_of(tmp_path, 8, 8, 3)
    sentence = "^entry 'pixelcnn_digits' cannot learn images of 8x8x3: .* choose hidden_channels"
    with pytest.raises(UserError, match=sentence):
        training.finetune("pixelcnn_digits", images=folder, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
