"""Configs as the command line gives them, and the record of a training."""

import numpy as np
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
    record.write(tmp_path, settings.load(AR1), 0)
    assert settings.as_json(record.read(tmp_path).settings) == settings.as_json(settings.load(AR1))
    free = settings.load(AR1, ["--config.train.steps=9000", "--config.mesh.context=2", "--config.optim.clip=0.5"])
    wanted = {"mesh.context": 2, "optim.clip": 0.5, "train.steps": 9000}
    assert record.changes(tmp_path, free) == wanted
    record.write(tmp_path, free, 70)
    parts = record.read(tmp_path).parts
    assert [part.step for part in parts] == [0, 70] and [part.changed for part in parts] == [{}, wanted]
    assert record.read(tmp_path).settings.train.steps == 9000
    with pytest.raises(UserError, match=r"diffusion.schedule = 'cosine', not 'linear'"):
        record.changes(tmp_path, settings.load(AR1, ["--config.diffusion.schedule=linear"]))
    with pytest.raises(UserError, match=r"data.given = 4, not None"):
        record.changes(tmp_path, settings.load("configs/toy_mixture.py"))


def test_a_folder_is_of_one_beginning(tmp_path):
    config, one, other = settings.load(AR1), "1" * 64, "2" * 64
    assert record.base_of(tmp_path) is None
    assert record.changes(tmp_path, config, one) == {}
    record.write(tmp_path, config, 0, one)
    # The same command goes on, and so does one that does not say it again.
    for base_of in (one, None):
        assert record.changes(tmp_path, config, base_of) == {}
        record.write(tmp_path, config, 70, base_of)
        assert record.read(tmp_path).base_of == record.base_of(tmp_path) == one
    with pytest.raises(UserError, match=r"was not begun from that bundle. Leave it out, or begin in another --workdir"):
        record.changes(tmp_path, config, other)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    record.write(fresh, config, 0)
    with pytest.raises(UserError, match="was not begun from that bundle"):
        record.changes(fresh, config, one)


CONFIGS = {
    "1 / 0": "cannot be read: ZeroDivisionError",
    "import nothing_of_that_name": "cannot be read: ModuleNotFoundError",
    "raise SystemExit(3)": "cannot be read: SystemExit",
    "get_config = 3": "has no function get_config",
    "def get_config(): return {}": "gives a dict",
    "def get_config(): return unknown": "fails: NameError",
    "def get_config(a): return 3": "fails: TypeError",
}


@pytest.mark.parametrize("source", CONFIGS)
def test_a_file_of_ones_own_may_do_anything(tmp_path, source):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(UserError, match=CONFIGS[source]):
        settings.load(str(path))


def test_what_cannot_be_kept_is_refused():
    config = settings.load(AR1)
    config.extra = np.arange(3)
    with pytest.raises(UserError, match="cannot be kept"):
        settings.as_json(config)


RECORD = '{"format": "vlogger.training", "version": 1, "config": {}, "parts": []}'


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": "vlogger.training", "version": 2}', '{"config": {}}', RECORD]
)
def test_another_record_is_refused(tmp_path, text):
    (tmp_path / record.NAME).write_text(text)
    with pytest.raises(UserError, match=r"config.json"):
        record.read(tmp_path)


def test_the_hash_of_the_code_is_of_the_code():
    assert record.code() == record.code() and len(record.code()) == 64
