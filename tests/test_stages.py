"""What stages are built from, and what is said of what they cannot be built from."""

import pytest
from ml_collections import ConfigDict

from configs import motion, toy_mixture
from vlogger_jax import stages
from vlogger_jax.core.errors import UserError


def test_a_config_makes_the_stage_it_names():
    made = stages.build(toy_mixture.get_config())
    assert made.name == "toy"
    assert set(made.spec) == {"x", "label"}


def test_the_motion_stage_knows_the_lips_of_its_body():
    config = motion.get_config().to_dict()
    made = stages.build(config)
    assert made.name == "motion"
    assert made.spec["expression"].shape == (96, 52)
    with pytest.raises(UserError, match=r"is 'smplx-0', and that of config.model.body_file is 'default-v1'"):
        stages.build({**config, "model": {**config["model"], "body": "smplx-0"}})


@pytest.mark.parametrize("form", [ConfigDict.to_dict, lambda config: config])
def test_plain_dicts_will_do(form):
    assert stages.build(form(toy_mixture.get_config())).spec["x"].shape == (1, 2)


def without(section: str) -> dict:
    config = toy_mixture.get_config().to_dict()
    del config[section]
    return config


@pytest.mark.parametrize("section", ["stage", *stages.SECTIONS])
def test_a_section_that_is_missing_is_named(section):
    with pytest.raises(UserError, match=f"the config lacks {section}"):
        stages.build(without(section))


def test_unknown_sections_and_stages_are_refused():
    config = toy_mixture.get_config().to_dict()
    with pytest.raises(UserError, match="unknown key 'sampling'"):
        stages.build({**config, "sampling": {}})
    with pytest.raises(UserError, match=r"no stage named 'text'. Name one of gesture_autoencoder, motion, toy"):
        stages.build({**config, "stage": "text"})
