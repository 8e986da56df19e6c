"""A packed .keras file is smaller and holds the same model."""

import zipfile

import keras
import numpy as np

from tfgen.export.entry import repack


def test_a_packed_model_is_smaller_and_the_same(tmp_path):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((50,)), keras.layers.Dense(300), keras.layers.BatchNormalization()]
    model = keras.Sequential([*layers, keras.layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(np.ones([4, 50]), np.ones([4, 3]), verbose=0)
    path = tmp_path / "model.keras"
    model.save(path)
    deflated = tmp_path / "deflated.zip"
    with zipfile.ZipFile(path) as saved, zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as z:
        for name in saved.namelist():
            z.writestr(name, saved.read(name))
    repack(path)
    assert path.stat().st_size < deflated.stat().st_size
    again = keras.models.load_model(path)
    kept = [*model.variables, *model.optimizer.variables]
    found = [*again.variables, *again.optimizer.variables]
    for expected, value in zip(kept, found, strict=True):
        np.testing.assert_array_equal(value, expected)
