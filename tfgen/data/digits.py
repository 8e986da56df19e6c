"""The embedded data set: scikit-learn's 1,797 handwritten digits, as a TFDS builder.

8x8 grey images of 17 levels (0..16), stored as the uint8 values round(level * 255 / 16), from the
test part of the UCI "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998). The
images are shuffled once with a fixed seed and split into 1,297 for training, 200 for validation
and 300 for the test.
"""

import numpy as np
import tensorflow_datasets as tfds

LEVELS = 17
SPLITS = {"train": slice(0, 1297), "validation": slice(1297, 1497), "test": slice(1497, 1797)}


class Digits(tfds.core.GeneratorBasedBuilder):
    """Builder of the data set `digits`; needs no download."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = ""  # no metadata files beside this module

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80",
        )

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(rows) for name, rows in SPLITS.items()}

    def _generate_examples(self, rows):
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.round(digits.images * (255 / (LEVELS - 1))).astype(np.uint8)[..., None]
        order = np.random.default_rng(0).permutation(len(images))[rows]
        for key, index in enumerate(order):
            yield key, {"image": images[index], "label": int(digits.target[index])}
