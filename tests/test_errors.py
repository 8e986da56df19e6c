"""Wrong arguments of sampling are told in one sentence."""

import pytest

from tfgen.errors import UserError
from tfgen.models import GAN


@pytest.fixture(scope="module")
def gan():
    return GAN((4, 3, 1), 3, (4,), (4,))


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "a", None])
def test_a_number_of_samples_that_is_none_is_told(gan, wrong):
    with pytest.raises(UserError, match=f"n and batch_size must .*, but are {wrong!r} and 256"):
        gan.sample(wrong)
    with pytest.raises(UserError, match=f"n and batch_size must .*, but are 2 and {wrong!r}"):
        gan.sample(2, batch_size=wrong)


def test_a_truncation_that_is_no_number_is_told(gan):
    with pytest.raises(UserError, match="truncation must be above 0, but is 'a'"):
        gan.sample(2, truncation="a")
    noise = gan.noise([0, 1])
    with pytest.raises(UserError, match="truncation must be above 0, but is 'a'"):
        gan.generate(noise, truncation="a")
