"""Errors: what they carry, also in a copy, which is made as a pickle is."""

import copy

import pytest

from vermilion import CacheConnectionError, CacheError, CacheKeyError, CacheOperationError, ErrorCode


@pytest.mark.parametrize("kind", [CacheError, CacheKeyError, CacheConnectionError, CacheOperationError])
def test_an_error_carries_message_code_and_details_through_a_copy(kind: type[CacheError]) -> None:
    error = copy.copy(kind("it broke", ErrorCode.BACKEND_ERROR, {"key": "a"}))
    assert type(error) is kind
    assert (str(error), error.message, error.code, error.details) == (
        "it broke",
        "it broke",
        "BACKEND_ERROR",
        {"key": "a"},
    )


def test_details_are_read_only_and_optional() -> None:
    error = CacheError("it broke", "MY_CODE")
    assert error.details == {}
    with pytest.raises(TypeError):
        error.details["key"] = 1  # type: ignore[index]


def test_every_code_is_its_own_name() -> None:
    assert all(code == code.name for code in ErrorCode)
