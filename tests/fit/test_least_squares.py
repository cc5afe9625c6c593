import itertools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from vlogger_jax.fit import least_squares


def identity(direction):
    return direction


def run(residuals, at, steps, precondition=identity, damping=1.0, iterations=50):
    state = least_squares.begin(at, least_squares.cost_of(residuals(at)))._replace(damping=jnp.float32(damping))
    costs = [float(state.cost)]
    step = jax.jit(
        lambda state: least_squares.step(residuals, state, precondition, iterations=iterations, tolerance=1e-6)
    )
    for _ in range(steps):
        state = step(state)
        costs.append(float(state.cost))
    return state, costs


def test_a_linear_problem_is_solved_as_by_numpy():
    rng = np.random.default_rng(0)
    matrix, target = rng.standard_normal((30, 8)).astype(np.float32), rng.standard_normal(30).astype(np.float32)
    state, _ = run(lambda x: {"only": matrix @ x["x"] - target}, {"x": jnp.zeros(8)}, 12)
    np.testing.assert_allclose(state.at["x"], np.linalg.lstsq(matrix, target, rcond=None)[0], atol=2e-4)


def test_one_damped_step_is_levenbergs_formula():
    rng = np.random.default_rng(1)
    matrix, target = rng.standard_normal((20, 5)).astype(np.float32), rng.standard_normal(20).astype(np.float32)
    state, _ = run(lambda x: matrix @ x - target, jnp.zeros(5), 1, damping=7.0)
    expected = np.linalg.solve(matrix.T @ matrix + 7.0 * np.eye(5), matrix.T @ target)
    np.testing.assert_allclose(state.at, expected, rtol=1e-3)


def test_rosenbrocks_valley():
    state, costs = run(lambda x: jnp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]]), jnp.array([-1.2, 1.0]), 60)
    np.testing.assert_allclose(state.at, [1.0, 1.0], atol=1e-3)
    assert all(after <= before for before, after in itertools.pairwise(costs))


def test_a_step_that_would_raise_the_cost_is_not_taken():
    state, costs = run(lambda x: jnp.where(x < 0.5, 1.0 - x, 100.0), jnp.zeros(1), 1, damping=1e-3)
    assert costs[1] == costs[0] and float(state.at[0]) == 0.0 and float(state.damping) > 1e-3


def test_residuals_that_are_not_numbers_are_not_stepped_on():
    state, costs = run(lambda x: jnp.log(1.0 - x), jnp.full(1, 0.9), 1, damping=1e-3)
    assert np.isfinite(costs).all() and np.isfinite(state.at).all()


def test_the_inverse_as_preconditioner_needs_one_iteration():
    rng = np.random.default_rng(2)
    matrix = (rng.standard_normal((40, 12)) * np.logspace(0, 3, 12)).astype(np.float32)
    target = rng.standard_normal(40).astype(np.float32)
    inverse = np.linalg.inv(matrix.T @ matrix + np.eye(12)).astype(np.float32)
    least = 0.5 * np.sum((matrix @ np.linalg.lstsq(matrix, target, rcond=None)[0] - target) ** 2)

    def excess(precondition):
        return run(lambda x: matrix @ x - target, jnp.zeros(12), 1, precondition, iterations=1)[1][1] - least

    assert excess(lambda v: inverse @ v) < 0.05 < 0.5 < excess(identity)


def test_the_minimum_is_scipys():
    """A sum of two Gaussians fitted to noisy samples, against scipy.optimize.least_squares."""
    x = np.linspace(-3, 3, 60)
    rng = np.random.default_rng(3)
    truth = np.array([1.0, -0.8, 0.6, 0.7, 1.2, 0.4])

    def model(p, xp):
        return p[0] * xp.exp(-(((x - p[1]) / p[2]) ** 2)) + p[3] * xp.exp(-(((x - p[4]) / p[5]) ** 2))

    seen = model(truth, np) + 0.02 * rng.standard_normal(60)
    start = truth + 0.2 * rng.standard_normal(6)
    theirs = scipy.optimize.least_squares(lambda p: model(p, np) - seen, start)
    state, _ = run(lambda p: model(p, jnp) - jnp.float32(seen), jnp.float32(start), 60)
    np.testing.assert_allclose(state.at, theirs.x, atol=2e-3)
    np.testing.assert_allclose(state.cost, theirs.cost, rtol=1e-3)
