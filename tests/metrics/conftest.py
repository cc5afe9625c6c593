import pytest

from vlogger_jax.body import model_file


@pytest.fixture(scope="session")
def model():
    return model_file.default()
