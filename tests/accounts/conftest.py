"""What tests of accounts ask for by name."""

import pytest

from tests.accounts import streams


@pytest.fixture
def begun(transactional_db: None) -> None:
    """An event of nobody here, so that streams have a beginning."""
    streams.begin()
