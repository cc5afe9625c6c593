"""Configs as the command line gives them, and the record of a training."""

import pytest

from launch import record, settings
from vlogger_jax.core.errors import UserError

AR1 = "configs/toy_ar1.py"


def test_a_config_with_changes():
    changes = ["--config.train.steps=7", "--config.optim.learning_rate", "1e-4", "--config.diffusion.schedule=linear"]
    config = settings.load(f"{AR1}:size=small", changes)
    assert (config.train.steps, config.optim.learning_rate, config.diffusion.schedule) == (7, 1e-4, "linear")
    assert config.model.width == settings.load(f"{AR1}:size=small").model.width > settings.load(AR1).model.width


@pytest.mark.parametrize(
    ("spec", "changes", "said"),
    [
        ("configs/none.py", [], "there is no config configs/none.py"),
        (f"{AR1}:size=vast", [], "size is 'vast'"),
        (f"{AR1}:sice=tiny", [], "unknown key 'sice'"),
        ("README.md", [], "no Python file"),
        ("configs/common.py", [], "has no function get_config"),
        (AR1, ["--config.train.stepz=3"], "no value train.stepz.*steps"),
        (AR1, ["--config.trian.steps=3"], "no section 'trian'"),
        (AR1, ["--config.train.steps.x=3"], "no section 'steps'"),
        (AR1, ["--config.train.steps=many"], "train.steps cannot be 'many': it is 1500"),
        (AR1, ["--config.train.steps=1.5"], "train.steps cannot be '1.5'"),
        (AR1, ["--config.train.steps=__import__('os')"], "train.steps cannot be"),
        (AR1, ["--config.train.steps"], "has no value"),
        (AR1, ["--steps=3"], "--steps=3 is not understood"),
    ],
)
def test_what_is_refused_and_how(spec, changes, said):
    with pytest.raises(UserError, match=said):
        settings.load(spec, changes)


def test_a_folder_is_of_one_training(tmp_path):
    record.begin(tmp_path, settings.load(AR1))
    assert settings.as_json(record.read(tmp_path)) == settings.as_json(settings.load(AR1))
    free = ["--config.train.steps=9000", "--config.mesh.context=2", "--config.eval.samples=0"]
    record.begin(tmp_path, settings.load(AR1, free))
    assert record.read(tmp_path).train.steps == 9000
    before = (tmp_path / record.NAME).read_bytes()
    with pytest.raises(UserError, match=r"optim.learning_rate = 0.003, not 0.1"):
        record.begin(tmp_path, settings.load(AR1, ["--config.optim.learning_rate=0.1"]))
    with pytest.raises(UserError, match=r"data.given = 4, not None"):
        record.begin(tmp_path, settings.load("configs/toy_mixture.py"))
    assert (tmp_path / record.NAME).read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "vlogger.training", "version": 2}', '{"config": {}}'])
def test_another_record_is_refused(tmp_path, text):
    (tmp_path / record.NAME).write_text(text)
    with pytest.raises(UserError, match=r"config.json"):
        record.read(tmp_path)


def test_the_hash_of_the_code_is_of_the_code():
    assert record.code() == record.code() and len(record.code()) == 64
