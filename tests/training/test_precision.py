"""The warning of a precision that the processor emulates."""

import pytest

from tfgen.training import precision


@pytest.mark.parametrize(
    ("policy", "bfloat16_seconds", "warned"),
    [("mixed_bfloat16", 3.0, True), ("mixed_bfloat16", 0.5, False), ("float32", 3.0, False)],
)
def test_only_an_emulated_precision_is_warned_of(
    policy, bfloat16_seconds, warned, monkeypatch, caplog
):
    seconds = {"bfloat16": bfloat16_seconds, "float32": 1.0}
    monkeypatch.setattr(precision, "product_seconds", seconds.get)
    monkeypatch.setattr(precision.tf.config, "list_logical_devices", lambda kind: [])
    with caplog.at_level("WARNING", "absl"):
        precision.warn_if_emulated(policy)
    assert ("--precision float32" in caplog.text) == warned


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_product_takes_time_in_every_dtype(dtype):
    assert 0 < precision.product_seconds(dtype) < 5
