import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import paths
from vlogger_jax.core.parts import divided, replaced, together
from vlogger_jax.core.stage import Variables

TREE = {"base": {"encoder": {"0": {"kernel": 1}}, "decoder": {"kernel": 2, "bias": 3}}, "control": {"kernel": 4}}


@pytest.mark.parametrize(
    ("trained", "names"),
    [
        (["control/"], {"control/kernel"}),
        (["control/", "base/decoder/"], {"control/kernel", "base/decoder/kernel", "base/decoder/bias"}),
        ([".*kernel"], {"base/encoder/0/kernel", "base/decoder/kernel", "control/kernel"}),
        ([""], set(paths(TREE))),
    ],
)
def test_what_a_pattern_begins_is_trained_and_the_rest_is_not(trained, names):
    parts = divided(TREE, trained)
    assert set(paths(parts.trainable)) == names
    assert set(paths(parts.frozen)) == set(paths(TREE)) - names
    assert together(parts) == TREE


def test_a_pattern_of_nothing_is_refused():
    with pytest.raises(UserError, match=r"config.trained: nothing is named 'decoder/'"):
        divided(TREE, ["control/", "decoder/"])
    with pytest.raises(UserError, match="a pattern that is none"):
        divided(TREE, ["control/("])


trees = st.recursive(
    st.integers(), lambda inside: st.dictionaries(st.sampled_from("abc"), inside, min_size=1), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


@given(tree=trees, letter=st.sampled_from("abc"))
def test_parts_are_disjoint_and_together_all(tree, letter):
    if not any(name.startswith(letter) for name in paths(tree)):
        with pytest.raises(UserError):
            divided(tree, [letter])
        return
    parts = divided(tree, [letter])
    assert together(parts) == together(Variables(parts.frozen, parts.trainable)) == tree
    assert not set(paths(parts.trainable)) & set(paths(parts.frozen))


def test_replaced_takes_what_there_is_and_no_more():
    found = replaced({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 5, "x": 6}, "y": 7})
    assert found == {"a": {"b": 5, "c": 2}, "d": 3}
    np.testing.assert_equal(replaced(TREE, {}), TREE)
