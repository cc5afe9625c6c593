"""`UserError` is always one line of two sentences, and the exit codes are those of the design."""

import pytest

from vlogger_jax.core import errors
from vlogger_jax.core.errors import UserError


def test_message_is_two_sentences_on_one_line():
    error = UserError("there is no file /tmp/x", "Give a path that exists")
    assert str(error) == "there is no file /tmp/x. Give a path that exists."
    assert error.what == "there is no file /tmp/x."
    assert error.fix == "Give a path that exists."


@pytest.mark.parametrize("end", [".", "!", "?"])
def test_closing_punctuation_is_kept(end):
    assert str(UserError("a", f"Did you mean b{end}")) == f"a. Did you mean b{end}"


def test_line_breaks_and_runs_of_spaces_become_one_space():
    error = UserError("the value\n\n  is\todd", "Give\r\nanother")
    assert str(error) == "the value is odd. Give another."


def test_can_be_caught_as_an_exception():
    with pytest.raises(UserError, match=r"^a\. B\.$"):
        raise UserError("a", "B")


def test_exit_codes_are_distinct():
    codes = {name: value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert len(set(codes.values())) == len(codes) == 6
    assert codes["EXIT_OK"] == 0
    assert codes["EXIT_USER_ERROR"] == 2
