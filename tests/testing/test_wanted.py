"""The calls that a test expects."""

from typing import Any

import pytest

from vermilion import Vermilion
from vermilion.testing.wanted import Wanted


@pytest.mark.parametrize("text", ["", 'SET "a'])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no command"):
        Wanted(text, ())


def test_what_is_no_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="True and False"):
        Wanted("SET", ["key", True])


def test_what_is_no_step_is_refused() -> None:
    with pytest.raises(TypeError, match="begins with the name"):
        Wanted.of((b"SET", "key"))


def test_it_is_shown_as_it_was_described() -> None:
    assert str(Wanted("SET user:*", ())) == "SET user:*"
    assert str(Wanted.of(("SET", "two words", 3))) == 'SET "two words" 3'
    assert (
        str(Wanted(None, (), key="user:1", client="web", db=2))
        == "A command with key user:1 by client web in db 2"
    )


def test_a_call_that_is_missing_is_compared_with_the_closest(instance: Vermilion) -> None:
    client: Any = instance.connect(decode_responses=True)
    with instance.journal.recording() as journal:
        client.set("user:1", "ann")
        client.get("user:1")
    with pytest.raises(AssertionError) as error:
        journal.assert_called("SET", "user:1", "bob")
    first, second = (call.number for call in journal.calls("?ET"))
    assert str(error.value).splitlines() == [
        "SET user:1 bob was not called.",
        "The closest call (- expected, + called):",
        "    - SET user:1 bob",
        "    ?            ^^^",
        "    + SET user:1 ann",
        "    ?            ^^^",
        "Called were:",
        f"      {first}  SET user:1 ann",
        f"      {second}  GET user:1",
    ]
