"""What the tests of records share."""

import resource

import pytest


@pytest.fixture
def small_disk():
    """Files may not grow beyond 100 kB."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
