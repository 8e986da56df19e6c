"""How many of Stacked MNIST's modes a model reaches, told by the shipped classifier of digits."""

from tfgen.metrics.features.digit_classifier import digit_classes
from tfgen.metrics.mode_coverage import (
    STACKED_MODES,
    STACKED_SAMPLES,
    mode_coverage,
    stacked_digits,
)
from tfgen.metrics.sample_quality import FEWEST, over_sets, sets_text


def stacked_modes(model, data, split="test", seed=0, sampling_seeds=1):
    """Return name -> figure of the modes that 26,000 samples reach; see `evaluate`.

    Fewer samples are drawn where the split holds fewer images, and none below 1,000. The floor is
    what as many real images of the split score.
    """
    n = min(STACKED_SAMPLES, data.size(split))
    if n < FEWEST:
        return {}
    labels = data.labels(split, n) if model.num_classes else None
    of_sets = [
        _coverage(model.sample(n, seed + k * n, labels=labels)) for k in range(sampling_seeds)
    ]
    floors = _coverage(data.images(split, n))
    figures = {}
    for column, (name, unit) in enumerate(
        (("modes", f"of {STACKED_MODES}"), ("KL(modes || uniform)", "nats"))
    ):
        values = [scores[column] for scores in of_sets]
        figures[name] = {
            **over_sets(values),
            "floor": floors[column],
            "unit": unit,
            "protocol": f"digits of {n} samples, told by the MNIST classifier{sets_text(values)}; "
            f"the {n} images of split {split} score {floors[column]:.4g}",
            "split": split,
            "n": n,
            "seed": seed,
            "features": "classifier",
            **({"sampling_seeds": sampling_seeds} if sampling_seeds > 1 else {}),
        }
    return figures


def _coverage(images):
    return mode_coverage(stacked_digits(images, digit_classes), STACKED_MODES)
