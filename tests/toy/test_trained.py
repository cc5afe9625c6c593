"""What trained networks are worth: as recorded in docs/results/toy.json, and, slowly, trained again."""

import json

import numpy as np
import pytest

from benchmarks import toy
from vlogger_jax.toy.truth import Ar1


@pytest.fixture
def recorded() -> dict:
    return json.loads(toy.RESULTS.read_text())


def test_networks_trained_with_masks_go_on_without_bias_where_replacement_does_not(recorded):
    assert recorded["ar1"]["trained_with_masks"]["bias_of_first_three"] < 0.1
    assert recorded["ar1"]["replacement"]["bias_of_first_three"] > 0.6


@pytest.mark.parametrize("name", ["mixture", "ar1"])
def test_losses_are_next_to_the_least_possible(name, recorded):
    assert 1 < recorded[name]["loss"] / recorded[name]["least_possible"] < 1.02


@pytest.mark.parametrize("ring", ["inner", "outer"])
def test_guidance_takes_the_rings_where_the_exact_score_does(ring, recorded):
    plain, guided = (
        recorded["mixture"][name][way][ring] for name, way in (("plain", "trained"), ("guided", "trained"))
    )
    exact = recorded["mixture"]["guided"]["exact"][ring]
    assert abs(plain["spread_ratio"] - 1) < 0.25
    assert plain["largest_share"] < 0.3
    assert 0.8 < guided["spread_ratio"] / exact["spread_ratio"] < 1.3
    assert abs(guided["radius"] - exact["radius"]) < 0.35 * abs(exact["radius"] - plain["radius"])


def test_guidance_at_all_times_collapses_the_inner_ring_where_the_exact_score_does_not(recorded):
    """Which is what the interval is for."""
    trained, exact = (recorded["mixture"]["always"][way]["inner"]["spread_ratio"] for way in ("trained", "exact"))
    assert trained < 0.6
    assert exact > 0.9


@pytest.mark.slow
def test_trained_again():
    config = toy.toy_ar1.get_config()
    config.train.steps = config.optim.steps = 600
    stage, params, _ = toy.train(config)
    x = np.zeros((1000, 16, 1))
    x[:, :4] = toy.GIVEN
    found = toy.after(Ar1(), toy.drawn(stage, params, x, np.zeros(1000, np.uint8)), np.arange(16) < 4)
    assert found["bias_of_first_three"] < 0.1
