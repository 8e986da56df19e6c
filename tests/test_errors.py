"""Wrong arguments of sampling are told in one sentence."""

import numpy as np
import pytest

from tfgen.augmentation import DifferentiableAugmentation
from tfgen.errors import UserError, check_counts, check_numbers
from tfgen.likelihoods import Bernoulli
from tfgen.models import GAN, VAE, PixelCNN
from tfgen.objectives import ELBO


@pytest.fixture(scope="module")
def gan():
    return GAN((4, 3, 1), 3, (4,), (4,))


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "a", None])
def test_a_number_of_samples_that_is_none_is_told(gan, wrong):
    with pytest.raises(UserError, match=f"n must be an integer of at least 1, but is {wrong!r}"):
        gan.sample(wrong)
    with pytest.raises(
        UserError, match=f"batch_size must be an integer of at least 1, but is {wrong!r}"
    ):
        gan.sample(2, batch_size=wrong)


def test_a_truncation_that_is_no_number_is_told(gan):
    with pytest.raises(UserError, match=r"truncation must be a number in \(0, inf\], but is 'a'"):
        gan.sample(2, truncation="a")
    noise = gan.noise([0, 1])
    with pytest.raises(UserError, match=r"truncation must be a number in \(0, inf\], but is 'a'"):
        gan.generate(noise, truncation="a")


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("[0, 1)", (0, 0.5, np.float32(0.25)), (-1e-9, 1, 1.0, True)),
        ("(0, 1]", (1, 1e-9), (0, 0.0, 1.1)),
        ("(-1, 1)", (0, -0.5), (-1, 1)),
        ("[0, inf)", (0, 1e300), (np.inf, -np.inf)),
        ("(0, inf]", (np.inf, 1), (0, -1)),
    ],
)
def test_numbers_lie_in_their_interval(interval, inside, outside):
    for value in inside:
        check_numbers(interval, rate=value)
        check_numbers(interval, rate=np.array(value))
    for value in (*outside, np.nan, "0.5", None, [0.5]):
        with pytest.raises(UserError) as told:
            check_numbers(interval, low=inside[0], rate=value)
        assert str(told.value) == f"rate must be a number in {interval}, but is {value!r}."


def test_counts_lie_between_their_bounds():
    check_counts(minimum=2, maximum=256, low=2, high=256)
    for value in (1, 257, 2.0, "2", True):
        with pytest.raises(UserError) as told:
            check_counts(minimum=2, maximum=256, levels=value)
        assert str(told.value) == f"levels must be an integer in 2..256, but is {value!r}."


class Forgetful:
    def __init__(self, scale=1.0):
        super().__init__()


@pytest.mark.parametrize(
    ("name", "value_class", "model_class"),
    [
        ("likelihood", Bernoulli, VAE),
        ("likelihood", Bernoulli, PixelCNN),
        ("objective", ELBO, VAE),
        ("augmentation", DifferentiableAugmentation, GAN),
    ],
)
def test_values_that_could_not_be_saved_are_told_before_training(name, value_class, model_class):
    forgetful = type("Forgetful", (Forgetful, value_class), {})()
    with pytest.raises(UserError, match="^Forgetful could not be saved: .* set self.scale, or"):
        model_class((4, 3, 1), **{name: forgetful})
