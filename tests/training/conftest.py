"""What the tests of trainings share."""

import pytest

from tfgen import metrics


@pytest.fixture
def unmeasured(monkeypatch):
    """Entries are left without figures, which take longer than a short training."""
    monkeypatch.setattr(metrics, "evaluate", lambda *_, **__: {})
