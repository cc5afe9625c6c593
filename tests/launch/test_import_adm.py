"""A published network becomes a base: what it predicts, what can be trained from it, and what is refused."""

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest

from configs import video_control_128
from launch import import_adm, program
from tests.media import torch_made
from tests.video import small
from vlogger_jax import bundle, console, stages
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import EXIT_OK, EXIT_USER_ERROR, UserError
from vlogger_jax.core.functional import Network
from vlogger_jax.video import weights_adm
from vlogger_jax.video.unet import UNet
from vlogger_jax.video.weights_adm import Released

CLASSES = 3
MODEL = small.model(classes=CLASSES)


@pytest.fixture(autouse=True)
def released(monkeypatch):
    upsampler = dataclasses.replace(MODEL, c_in=6)
    known = {"small": Released(model=MODEL, schedule="ddpm_cosine"), "up": Released(model=upsampler)}
    monkeypatch.setattr(weights_adm, "RELEASED", known)


def run(*arguments: object) -> int:
    return console.outcome(import_adm.app, [str(each) for each in arguments], "import")


def tensors(model) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: 0.1 * random.standard_normal(shape, np.float32) for name, shape in weights_adm.shapes(model).items()}


def test_a_base_predicts_what_the_network_does_of_the_mean_class(tmp_path, capsys):
    given = tensors(MODEL)
    path = torch_made.save(tmp_path / "small.pt", given)
    assert run("--weights", path, "--out", tmp_path / "b", "--licence", "MIT") == EXIT_OK
    assert "video_base, 8 px, licence MIT" in capsys.readouterr().out

    kept = bundle.load(tmp_path / "b")
    training = kept.stored("video_base").training
    assert (training.config["diffusion"]["schedule"], training.licence) == ("ddpm_cosine", "MIT")
    stage = stages.build(training.config)
    params = kept.params("video_base", jax.eval_shape(stage.init, jax.random.key(0))).trainable
    base = dataclasses.replace(MODEL, c_out=3, classes=None)

    given["label_emb.weight"][:] = given["label_emb.weight"].mean(axis=0)
    original = weights_adm.to_params(given, MODEL, "legacy")
    x = np.random.default_rng(1).standard_normal((2, 8, 8, 3), np.float32)
    t = np.float32([0.2, 0.7])
    wanted = Network(partial(UNet, MODEL))(original, x, t, np.array([0, 2]))[..., :3]
    np.testing.assert_allclose(Network(partial(UNet, base))(params, x, t), wanted, atol=1e-5)
    assert np.asarray(wanted).std() > 0.01


def test_it_can_be_drawn_from_and_trained_on(tmp_path):
    path = torch_made.save(tmp_path / "small.pt", tensors(MODEL))
    run("--weights", path, "--out", tmp_path / "b")
    config = bundle.load(tmp_path / "b").stored("video_base").training.config
    stage = stages.build(config)
    batch = {"frames": np.full((2, 1, 8, 8, 3), 128, np.uint8)}
    draw, variables = Draw.of(jax.random.key(1), 2), stage.init(jax.random.key(0))
    losses, _ = jax.jit(stage.loss_fn)(*variables, batch, draw)
    drawn = jax.jit(stage.sample)(*variables, batch, draw)
    assert np.isfinite(np.asarray(losses)).all() and np.isfinite(np.asarray(drawn)).all()


def test_control_networks_begin_from_it_and_not_from_one_that_only_looks_like_it(tmp_path):
    """Heads of attention do not show in shapes, nor does the schedule."""
    path = torch_made.save(tmp_path / "small.pt", tensors(MODEL))
    run("--weights", path, "--out", tmp_path / "b")
    kept = bundle.load(tmp_path / "b")
    given = kept.stored("video_base").training.config

    def begun(**changes) -> dict:
        config = video_control_128.get_config("size=tiny")
        with config.ignore_type():
            config.model.base = given["model"] | {"dropout": 0.1} | changes.get("model", {})
            config.model.trained, config.model.pasted = ("control/",), ()
            config.diffusion.update(dict(schedule="ddpm_cosine", prediction="eps") | changes.get("diffusion", {}))
        config.train.batch, config.mesh.data = 2, 1
        made = program.build(config, jax.devices()[:1])
        with jax.set_mesh(made.mesh):
            return program.begun_from(kept, made.stage, *made.init())[1]

    stored = kept.params("video_base", jax.eval_shape(stages.build(given).init, jax.random.key(0))).trainable
    jax.tree.map(np.testing.assert_array_equal, begun()["base"], stored)
    for changes, said in (
        (dict(model=dict(heads=dict(number=1))), "model.base.heads {'channels': 4}, and the config {'number': 1}"),
        (dict(diffusion=dict(schedule="linear")), "diffusion.schedule ddpm_cosine, and the config linear"),
    ):
        with pytest.raises(UserError) as refused:
            begun(**changes)
        assert said in str(refused.value)


def test_what_is_refused_leaves_nothing(tmp_path, capsys):
    up = torch_made.save(tmp_path / "up.pt", tensors(dataclasses.replace(MODEL, c_in=6)))
    other = torch_made.save(tmp_path / "other.pt", tensors(MODEL))
    for arguments, said in (
        (("--weights", up), "a network of 6 channels is no base"),
        (("--weights", other), "no released network named 'other'. Name one of small, up"),
        (("--weights", other, "--network", "up"), "holds another network"),
        (("--weights", tmp_path / "none.pt", "--network", "small"), "none.pt"),
    ):
        assert run(*arguments, "--out", tmp_path / "b") == EXIT_USER_ERROR
        message = capsys.readouterr().err
        assert said in message and message.count("\n") == 1
        assert not (tmp_path / "b").exists()
