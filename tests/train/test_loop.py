"""The loop: what it computes, when it stops, what it does not do behind one's back."""

import contextlib
import dataclasses
import itertools
import logging
import os
import signal
import time

import jax
import numpy as np
import pytest

from tests.train import regression
from tests.train.regression import Problem, lines, on
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.precision import named
from vlogger_jax.train import watch
from vlogger_jax.train.checkpoint import Checkpoints
from vlogger_jax.train.evaluation import validation
from vlogger_jax.train.loop import Loop, Preempted, TrainingStopped
from vlogger_jax.train.state import GOING

SHORT = Loop(steps=12, log_every=2, save_every=4, evaluate_every=4)


def equal(a, b) -> bool:
    return all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(arrays(a)), jax.tree.leaves(arrays(b)), strict=True)
    )


def arrays(state):
    return jax.device_get((state.step, state.trainable, state.opt_state, state.ema, state.stopped))


def evaluation(state, ended):
    """A number of a state, and a picture."""
    return {"first": jax.device_get(state.ema["w"])[0], "grey": np.zeros((4, 6, 3), np.uint8)}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run that nothing disturbed: its end and its log."""
    folder = tmp_path_factory.mktemp("unbroken")
    state = Problem().train(folder, SHORT, evaluations=[evaluation])
    return state, lines(folder)


class _Killed(Exception):
    pass


def dies_at(step):
    def of(number):
        if number == step:
            raise _Killed
        return regression.batch(number)

    return of


@pytest.mark.parametrize("killed", [1, 6, 9])
def test_resumed_is_unbroken_to_the_bit_and_so_is_its_log(tmp_path, unbroken, killed):
    with pytest.raises(_Killed):
        Problem().train(tmp_path, SHORT, dies_at(killed), evaluations=[evaluation])
    state = Problem().train(tmp_path, SHORT, evaluations=[evaluation])
    assert equal(state, unbroken[0])
    assert lines(tmp_path) == unbroken[1]
    assert [line["step"] for line in unbroken[1]] == [2, 4, 6, 8, 10, 12]
    assert [line["step"] for line in unbroken[1] if "first" in line] == [4, 8, 12]


def test_a_run_that_is_over_computes_nothing(tmp_path, unbroken):
    Problem().train(tmp_path, SHORT)
    said = []
    state = Problem().train(tmp_path, SHORT, dies_at(12), say=said.append)
    assert equal(state, unbroken[0])
    assert said == ["step 12 of 12: nothing left to do"]


def test_goes_on_on_another_mesh(tmp_path, unbroken):
    with pytest.raises(_Killed):
        Problem(on(8)).train(tmp_path, SHORT, dies_at(9))
    state = Problem(on(2)).train(tmp_path, SHORT)
    for one, other in zip(jax.tree.leaves(arrays(state)), jax.tree.leaves(arrays(unbroken[0])), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert state.trainable["wide"].sharding.mesh.size == 2


def test_the_log_has_means_over_its_steps(tmp_path):
    Problem().train(tmp_path / "one", Loop(steps=4, log_every=1, save_every=4))
    Problem().train(tmp_path / "two", Loop(steps=4, log_every=4, save_every=4))
    losses = [line["loss"] for line in lines(tmp_path / "one")]
    assert len(set(losses)) == 4
    assert lines(tmp_path / "two")[0]["loss"] == pytest.approx(np.mean(losses), rel=1e-7)


def test_what_is_not_finite_stops_with_the_batch_named_and_the_state_before(tmp_path):
    def of(number):
        batch = regression.batch(number)
        return {**batch, "y": batch["y"] + (np.nan if number == 6 else 0)}

    long = Loop(steps=20, log_every=4, save_every=4)
    with pytest.raises(TrainingStopped, match=r"step 6 was not finite: .*loss nan.*Its batch was samples 48 to 55"):
        Problem().train(tmp_path, long, of, name_batch=lambda step: f"samples {8 * step} to {8 * step + 7}")
    checkpoints, problem = Checkpoints(tmp_path / "checkpoints"), Problem()
    assert checkpoints.steps() == [4, 6]
    good = Problem().train(tmp_path / "good", Loop(steps=6, log_every=2, save_every=2))
    found = checkpoints.restore(problem.abstract)
    assert equal(found, good)
    assert int(found.stopped) == GOING
    assert [line["step"] for line in lines(tmp_path)] == [4, 6]
    alone = Problem().train(tmp_path / "two", Loop(steps=6, log_every=1, save_every=6))
    losses = [line["loss"] for line in lines(tmp_path / "two")]
    assert equal(alone, good) and lines(tmp_path)[1]["loss"] == pytest.approx(np.mean(losses[4:]), rel=1e-6)
    # With a batch that does no harm the same folder goes on, and its log has no gap and no step twice.
    state = Problem().train(tmp_path, Loop(steps=8, log_every=2, save_every=2))
    assert equal(state, Problem().train(tmp_path / "good", Loop(steps=8, log_every=2, save_every=2)))
    assert [line["step"] for line in lines(tmp_path)] == [4, 6, 8]


def test_a_stopped_run_saves_nothing_that_it_did_not_look_at(tmp_path):
    with pytest.raises(UserError, match="multiple"):
        Loop(steps=10, log_every=4, save_every=6)
    for wrong in dict(steps=0), dict(steps=1, profile=(0, 0)), dict(steps=1, profile=(-1, 2)):
        with pytest.raises(UserError, match="cannot be"):
            Loop(**wrong)


def test_nothing_is_transferred_behind_ones_back(tmp_path):
    problem = Problem()
    for name, change in {
        "put": dict(put=lambda batch: batch),
        "step": dict(step=lambda state, frozen, batch: problem.step(state, frozen, {**batch, "y": np.zeros(8, "f4")})),
        "evaluation": dict(evaluations=[lambda state, ended: {"x": jax.numpy.add(state.step, np.ones(3))}]),
    }.items():
        with pytest.raises(Exception, match="Disallowed host-to-device transfer"):
            problem.train(tmp_path / name, SHORT, **change)


@pytest.mark.parametrize("devices", [1, 4])
def test_the_step_compiles_once(tmp_path, devices, caplog):
    def compiled():
        return [text for text in map(logging.LogRecord.getMessage, caplog.records) if text.startswith("Compiling")]

    counts = []
    with jax.log_compiles(), caplog.at_level(logging.WARNING, logger="jax"):
        Problem(on(devices)).train(tmp_path, SHORT, say=lambda text: counts.append(len(compiled())))
    assert sum(text.startswith("Compiling jit(step)") for text in compiled()) == 1
    after_the_first_checkpoint = counts[3]
    assert len(compiled()) == after_the_first_checkpoint


def test_data_come_after_the_checkpoint_of_what_they_change(tmp_path):
    asked, saved = [], []

    def of(number):
        asked.append(number)
        saved.append(Checkpoints.latest(checkpoints[0]) if checkpoints else None)
        return regression.batch(number)

    checkpoints = []

    class Noted(Checkpoints):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            checkpoints.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regression, "Checkpoints", Noted)
        Problem().train(tmp_path, SHORT, of)
    assert asked == list(range(12))
    assert saved == [None] * 4 + [4] * 4 + [8] * 4


def ends_at(step, *signals):
    def of(number):
        if number == step:
            for each in signals:
                os.kill(os.getpid(), each)
        return regression.batch(number)

    return of


def test_sigterm_saves_after_the_running_step_and_the_rest_is_the_same(tmp_path, unbroken):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Preempted, match="SIGTERM; step 6 is saved"):
        Problem().train(tmp_path, SHORT, ends_at(5, signal.SIGTERM), evaluations=[evaluation])
    assert signal.getsignal(signal.SIGTERM) is before
    assert Checkpoints(tmp_path / "checkpoints").latest() == 6
    state = Problem().train(tmp_path, SHORT, evaluations=[evaluation])
    assert equal(state, unbroken[0])
    assert lines(tmp_path) == unbroken[1]


def test_every_step_is_in_one_line_of_the_log_wherever_it_was_asked_to_end(tmp_path):
    with pytest.raises(Preempted, match="step 7 is saved"):
        Problem().train(tmp_path, Loop(steps=8, log_every=4, save_every=4), ends_at(6, signal.SIGTERM))
    assert [line["step"] for line in lines(tmp_path)] == [4, 7]
    Problem().train(tmp_path, Loop(steps=8, log_every=4, save_every=4))
    Problem().train(tmp_path / "one", Loop(steps=8, log_every=1, save_every=4))
    each = [line["loss"] for line in lines(tmp_path / "one")]
    found = {line["step"]: line["loss"] for line in lines(tmp_path)}
    wanted = {4: np.mean(each[:4]), 7: np.mean(each[4:7]), 8: each[7]}
    assert found == pytest.approx(wanted, rel=1e-6)


def test_asked_to_end_within_an_evaluation_it_does_not_wait_for_the_rest(tmp_path, unbroken):
    problem, put, seen = Problem(), [], []

    def counted(batch):
        put.append(batch)
        if len(put) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return problem.put(batch)

    batches = [regression.batch(1000 + i) for i in range(5)]
    more = dict(precision=named("float32"), numbers=np.arange(regression.BATCH_SIZE))
    validate = validation(regression.loss_fn, {}, batches, put=counted, **more)

    def other(state, ended):
        seen.append(state)
        return {}

    config = dataclasses.replace(SHORT, save_every=8)  # nor is a checkpoint due
    with pytest.raises(Preempted, match="step 4 is saved"):
        problem.train(tmp_path, config, evaluations=[validate, other])
    assert len(put) == 2 and not seen
    assert Checkpoints(tmp_path / "checkpoints").latest() == 4
    assert [line["step"] for line in lines(tmp_path)] == [2, 4]
    assert equal(Problem().train(tmp_path, SHORT), unbroken[0])


def test_the_checkpoint_that_is_due_does_not_wait_for_the_evaluation(tmp_path):
    def dies(state, ended):
        for _ in range(1000):
            if Checkpoints(tmp_path / "checkpoints").latest() == 4:
                break
            time.sleep(0.01)
        raise _Killed

    with pytest.raises(_Killed):
        Problem().train(tmp_path, SHORT, evaluations=[dies])
    assert Checkpoints(tmp_path / "checkpoints").latest() == 4
    assert [line["step"] for line in lines(tmp_path)] == [2, 4]


def test_each_step_and_each_batch_of_an_evaluation_is_a_sign_of_life(tmp_path, monkeypatch):
    signs = []

    @contextlib.contextmanager
    def hangs(folder, after):
        yield lambda: signs.append(after)

    def two(state, ended):
        assert not ended() and not ended()
        return {}

    monkeypatch.setattr(watch, "hangs", hangs)
    Problem().train(
        tmp_path, Loop(steps=3, log_every=3, save_every=3, evaluate_every=3, hang_after=7), evaluations=[two]
    )
    assert signs == [7] * (3 + 2 + 1)


def test_the_first_ctrl_c_saves_and_the_second_does_not_wait(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Problem().train(tmp_path / "once", SHORT, ends_at(4, signal.SIGINT))
    assert Checkpoints(tmp_path / "once" / "checkpoints").latest() == 5
    with pytest.raises(KeyboardInterrupt):
        Problem().train(tmp_path / "twice", SHORT, ends_at(6, signal.SIGINT, signal.SIGINT))
    assert Checkpoints(tmp_path / "twice" / "checkpoints").latest() == 4


def test_says_how_far_it_is(tmp_path):
    said, done = [], []
    Problem().train(tmp_path, SHORT, say=said.append, report=done.append)
    assert said[0] == "step 0 of 12; the first one compiles, which may take minutes"
    assert said[-1].startswith("step 12 of 12: loss ")
    assert done == [pytest.approx(i / 6) for i in range(1, 7)]


def test_python_takes_less_than_two_milliseconds_a_step(tmp_path):
    problem, times = Problem(), []
    with jax.set_mesh(problem.mesh):
        _, metrics = problem.step(problem.init(), {}, problem.put(regression.batch(0)))
        jax.block_until_ready(metrics)
    fixed = itertools.repeat({})
    problem.train(
        tmp_path,
        Loop(steps=2000, log_every=100, save_every=2000, evaluate_every=0),
        step=lambda state, frozen, batch: (state, metrics),
        put=lambda batch: batch,
        batches_from=lambda start: fixed,
        say=lambda text: times.append(time.perf_counter()),
    )
    assert np.median(np.diff(times[1:])) / 100 < 2e-3
