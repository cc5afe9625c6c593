"""What a stage of the video network begins from."""

import json

import jax
import numpy as np
import pytest

from configs import video_control_128, video_temporal_128
from vlogger_jax import stages
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import paths
from vlogger_jax.core.parts import divided, together


def built(file, trained, **base):
    config = file.get_config("size=tiny")
    with config.ignore_type():
        config.model.base.update(
            dict(size=16, channels=8, multipliers=(1,), attention=(), groups=4, heads=dict(channels=8)) | base
        )
        config.model.trained = trained
    return stages.build(json.loads(config.to_json_best_effort()))


def stirred(stage, seed):
    rng = np.random.default_rng(seed)
    fresh = jax.jit(stage.init)(jax.random.key(0))
    return jax.tree.map(lambda leaf: np.asarray(leaf + 0.1 * rng.standard_normal(leaf.shape, np.float32)), fresh)


@pytest.mark.parametrize("trained", [("control/",), ("control/", "base/decoder/")])
def test_clips_begin_from_single_frames_however_these_were_divided(trained):
    """All is as it was learned but for the convolutions in time, which are new."""
    still = stirred(built(video_control_128, ("control/", "base/decoder/")), 0)
    stage = built(video_temporal_128, trained)
    fresh = stirred(stage, 1)
    begun = stage.ancestors["video_control"](still, fresh)
    assert jax.tree.structure(begun) == jax.tree.structure(divided(together(fresh), trained))
    learned, new, found = (paths(together(each)) for each in (still, fresh, begun))
    assert set(learned) < set(found) == set(new)
    for name, values in found.items():
        np.testing.assert_array_equal(values, learned.get(name, new[name]))
    assert all("between" in name for name in set(found) - set(learned))


def test_of_another_size_they_do_not():
    wide = stirred(built(video_control_128, ("control/",), channels=16, heads=dict(channels=16)), 0)
    stage = built(video_temporal_128, ("control/",))
    with pytest.raises(UserError, match="the control network"):
        stage.ancestors["video_control"](wide, stirred(stage, 1))
