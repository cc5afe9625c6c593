"""Long videos and TPU programs of the video network, as benchmarks: what is counted, and what is asked of them."""

import dataclasses
import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from benchmarks import video_aot, video_long, video_training
from launch import settings
from tests.video.scenes import scene
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Variables
from vlogger_jax.train.state import GOING, State, create


class Writer:
    """Makes frames of so many bytes each, and keeps them or not."""

    def __init__(self, keeps: bool):
        self.keeps, self.kept, self.seen = keeps, [], 0

    def stream(self, scenes):
        for part in scenes:
            frames = np.ones((part.controls.label.shape[1], 2**20), np.uint8)
            self.seen += len(frames)
            if self.keeps:
                self.kept.append(frames)
            yield frames


@pytest.mark.parametrize("keeps", [False, True])
def test_memory_that_grows_is_seen(keeps, monkeypatch):
    monkeypatch.setattr(video_long, "FRAMES", 320)
    monkeypatch.setattr(video_long, "SETTLED", 64)
    told, writer = [], Writer(keeps)
    found = video_long.measured(writer, scene(1, video_long.PART, 4), told.append)
    assert found["frames"] == writer.seen == 320 and told[-1] == 1 and found["frames_a_second"] > 0
    grown = found["mib_after"] - found["mib_settled"]
    assert grown == pytest.approx(256 if keeps else 0, abs=60)


def test_a_clip_goes_forwards_and_backwards():
    whole = scene(1, 3, 4)
    parts = list(itertools.islice(video_long.back_and_forth(whole), 3))
    labels = np.concatenate([part.controls.label for part in parts], axis=1)
    np.testing.assert_array_equal(labels, whole.controls.label[:, [0, 1, 2, 2, 1, 0, 0, 1, 2]])
    assert parts[1].reference is whole.reference


def test_every_stage_is_compiled_at_every_size_for_both_chips():
    cases = video_aot.cases()
    names = [each.name for each in cases]
    assert len(set(names)) == len(names)
    for size, stage, topology, what in itertools.product(
        ("small", "paper"), video_aot.STAGES, ("v5e:2x2", "v5p:2x2x1"), ("train", "sample")
    ):
        assert f"{size} {stage} {topology} {what}" in names
    alone = [each for each in cases if each.topology == "v5e:1x1"]
    assert {each.stage for each in alone} == {"video_control", "video_temporal"}


def test_batches_of_compiled_rows_divide_by_their_chips():
    for case in video_aot.cases():
        frames = settings.load(f"configs/{video_aot.STAGES[case.stage]}.py:size={case.size}").data.frames
        chips = int(np.prod([int(each) for each in case.topology.partition(":")[2].split("x")]))
        assert video_aot.FRAMES % frames == 0 and video_aot.FRAMES // frames % chips == 0


def counting(steps: int, stopped: int = GOING) -> SimpleNamespace:
    """As a program: it begins from 0, and each step adds one."""
    zero = {"n": jnp.float32(0)}

    def step(state: State, frozen: dict, batch: dict) -> tuple[State, dict]:
        one_more = {"n": state.ema["n"] + 1}
        return dataclasses.replace(state, ema=one_more, stopped=jnp.int32(stopped)), {}

    return SimpleNamespace(
        mesh=jax.make_mesh((1,), ("data",)),
        train=SimpleNamespace(steps=steps),
        stage=SimpleNamespace(name="counting", ancestors={"base": lambda learned, fresh: learned}),
        init=lambda: (create(zero, optax.identity(), jax.random.key(0)), {}),
        step=step,
    )


class Batches:
    """Without an end."""

    def __call__(self, start):
        return itertools.repeat({})

    def put(self, batch):
        return batch


@pytest.mark.parametrize("wanted", [0, 2, 5])
def test_short_trainings_end_when_nobody_wants_more(wanted):
    told = []

    def watch(step, spent, average):
        told.append((step, float(average().trainable["n"])))
        return step < wanted

    made = counting(5)
    found = video_training.trained(made, Batches(), "base", Variables({"n": jnp.float32(10)}, {}), watch)
    steps = min(wanted, 5)
    assert told == [(step, 10 + step) for step in range(min(wanted, 5) + 1)]
    assert found.trainable["n"] == 10 + steps


def test_short_trainings_say_when_a_loss_is_not_finite():
    with pytest.raises(UserError, match="step 3 that is not finite"):
        video_training.trained(
            counting(5, stopped=3), Batches(), "base", Variables({"n": jnp.float32(0)}, {}), lambda *told: True
        )
