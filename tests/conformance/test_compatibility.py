"""The page of commands says what the declarations say."""

from conformance.compatibility import PAGE, page, recorded
from vermilion.commands.registry import COMMANDS


def test_the_page_is_the_one_that_the_declarations_make() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


def test_every_command_has_a_row() -> None:
    listed = {name.lower() for names in recorded().values() for name in names}
    runnable = {name for name, command in COMMANDS.items() if command.call is not None}
    assert runnable <= listed


def test_every_command_is_in_the_group_of_redis() -> None:
    for group, names in recorded().items():
        for name in names:
            declared = COMMANDS.get(name.lower())
            assert declared is None or declared.group == group, name
