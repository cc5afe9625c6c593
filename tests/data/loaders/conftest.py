"""The data set that all tests of loaders read."""

from pathlib import Path

import pytest

from data_pipelines import make
from data_pipelines.loaders import dataset
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.plan import Plan
from data_pipelines.running import Beam
from tests.data.people import People

SIZE = 32


@pytest.fixture(scope="session")
def people() -> People:
    return People(silent=(4,))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, people: People) -> Path:
    request = make.Request(people, tmp_path_factory.mktemp("data"), (SIZE,), Plan(), 2, "pytest")
    return make.make(request, Beam())[0]


@pytest.fixture(scope="session")
def data(folder: Path) -> DataSet:
    return dataset.open(folder)
