"""Users: passwords, selectors among the rules, and files of them."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.access.test_selector import COMMANDS, RULES, answers
from vermilion import errors
from vermilion.access.selector import RuleError
from vermilion.access.user import (
    UnmatchedParenthesisError,
    User,
    default_user,
    merge_selectors,
    read_users,
)

HASH = sha256(b"secret").hexdigest().encode()
USER_RULES = st.one_of(
    st.sampled_from([b"on", b"off", b"nopass", b"resetpass", b"reset", b"clearselectors", b"skip-sanitize-payload"]),
    st.sampled_from([b">p", b">q", b"<p", b"#" + HASH, b"!" + HASH]),
    RULES.map(lambda rules: b"(%b)" % b" ".join(rules)),
)  # fmt: skip


@given(st.lists(st.one_of(USER_RULES, RULES.map(lambda rules: rules[0] if rules else b"")), max_size=10))
def test_a_line_declares_the_same_user(rules: list[bytes]) -> None:
    user = User(b"u", COMMANDS)
    for rule in rules:
        try:
            user.apply(rule)
        except RuleError:
            continue
    users, wrong = read_users(user.line(), "users.acl", COMMANDS)
    assert not wrong
    assert users[b"u"].line() == user.line()
    assert [answers(one) for one in users[b"u"].selectors] == [answers(one) for one in user.selectors]
    assert user.copy().line() == user.line()


def test_passwords() -> None:
    user = User(b"u", COMMANDS)
    user.apply(b">secret")
    assert not user.admits(b"secret")  # it is off
    user.apply(b"on")
    assert user.admits(b"secret")
    assert not user.admits(b"Secret")
    assert user.hashes == [HASH]
    assert b"secret" not in user.line()
    user.apply(b"!" + HASH)
    assert not user.admits(b"secret")
    user.apply(b"nopass")
    assert user.admits(b"anything")
    assert user.open


def test_the_default_user_may_do_everything() -> None:
    user = default_user(COMMANDS)
    assert user.unrestricted
    assert user.line() == b"user default on nopass sanitize-payload ~* &* +@all"


def test_selectors_are_merged() -> None:
    assert merge_selectors([b"on", b"(+get", b"", b"~a)", b"(+set)"]) == [b"on", b"(+get  ~a)", b"(+set)"]
    with pytest.raises(UnmatchedParenthesisError) as raised:
        merge_selectors([b"on", b"(+get", b"~a"])
    assert raised.value.word == b"(+get"


def test_a_file_tells_all_that_is_wrong_with_it() -> None:
    text = (
        b"user bob on +nosuch foo\nuser x on\n\n# c\nbob on\nuser bob on\nuser k on ~x ~* ~y bar\n"
        b"  user  z  on   ~a  \r\nuser\nuser s (+get\nUSER u on\n"
    )
    users, wrong = read_users(text, "f", COMMANDS)
    assert wrong == [
        "f:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. ",
        "f:1: Syntax error. ",
        "f:5 should start with user keyword followed by the username. ",
        "WARNING: Duplicate user 'bob' found on line 6. ",
        f"f:7: {errors.ACL_KEYS_AFTER_ALL}. ",
        "f:8: Syntax error. ",
        "f:9 should start with user keyword followed by the username. ",
        "f:10: Unmatched parenthesis in selector definition. ",
        "f:11 should start with user keyword followed by the username. ",
    ]
    assert list(users) == [b"bob", b"x", b"k", b"", b"s"]
