"""Everything that `vermilion` exports: loaded late, documented in full, with examples that run."""

import asyncio
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

import vermilion
from vermilion import CacheConfig, CacheService, MemoryConfig, cache_service

NAMES = sorted(name for name in vermilion.__all__ if not name.startswith("__"))
# Aliases of types carry no docstring at run time; theirs stand below them in the source.
ALIASES = {"CacheKey", "CacheValue"}
DOCUMENTED = [name for name in NAMES if name not in ALIASES]


def run_with_cache(main: Callable[[CacheService], Awaitable[Any]]) -> Any:
    """Run the example of a method on a service in memory."""

    async def run() -> Any:
        async with cache_service(CacheConfig(memory=MemoryConfig())) as cache:
            return await main(cache)

    return asyncio.run(run())


def public_functions() -> Iterator[tuple[str, Any]]:
    """Yield every exported function, and every public method of every exported class."""
    for name in DOCUMENTED:
        value = getattr(vermilion, name)
        if not inspect.isclass(value):
            yield name, value
            continue
        for attribute, member in vars(value).items():
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if inspect.isfunction(function) and not attribute.startswith("_"):
                yield f"{name}.{attribute}", inspect.unwrap(function)


FUNCTIONS = dict(public_functions())
CLASSES = [name for name in DOCUMENTED if inspect.isclass(getattr(vermilion, name))]


def test_all_is_what_there_is() -> None:
    assert sorted(vermilion.__all__) == vermilion.__all__
    assert set(vermilion._HOME_OF) == set(vermilion.__all__) - {"__version__"}
    assert set(vermilion.__all__) <= set(dir(vermilion))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_loaded_when_it_is_used(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"from vermilion import {name}", namespace)  # noqa: S102 - the statement that users write
    assert namespace[name] is getattr(vermilion, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Casche'"):
        vermilion.Casche  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "unloaded"),
    [
        ("import vermilion", {"asyncio", "pydantic", "redis", "msgspec"}),
        ("from vermilion import CacheService, CacheConfig, CacheStats", {"redis"}),
        ("from vermilion import CacheError, CacheStats, CacheBackend", {"asyncio", "pydantic", "redis"}),
        ("from vermilion import RedisCacheBackend", {"pydantic", "msgspec"}),
    ],
)
def test_nothing_is_loaded_that_is_not_used(statement: str, unloaded: set[str]) -> None:
    code = f"import sys; {statement}; print(*({unloaded!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_name_has_an_example_and_says_where_to_look_next(name: str) -> None:
    documentation = inspect.getdoc(getattr(vermilion, name)) or ""
    assert re.search(r"^Example:", documentation, re.MULTILINE)
    assert re.search(r"^See Also:", documentation, re.MULTILINE)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_tells_its_arguments_and_what_a_model_must_know(name: str) -> None:
    kind = getattr(vermilion, name)
    documentation = inspect.getdoc(kind) or ""
    assert re.search(r"^LLM Context:\n    - ", documentation, re.MULTILINE)
    if issubclass(kind, Enum) or getattr(kind, "_is_protocol", False) or kind.__init__ is object.__init__:
        return
    fields = kind.model_fields if issubclass(kind, BaseModel) else inspect.signature(kind.__init__).parameters
    inherited = "__init__" not in vars(kind) and not issubclass(kind, BaseModel)
    expected = [] if inherited else [field for field in fields if field != "self"]
    assert [
        field for field in expected if not re.search(rf"^    {field}: ", documentation, re.MULTILINE)
    ] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_tells_arguments_answer_errors_and_an_example(name: str) -> None:
    function = FUNCTIONS[name]
    documentation = inspect.getdoc(function) or ""
    signature = inspect.signature(function)
    arguments = [parameter for parameter in signature.parameters if parameter not in {"self", "cls"}]
    assert [
        argument
        for argument in arguments
        if not re.search(rf"^    {argument}: ", documentation, re.MULTILINE)
    ] == []
    if signature.return_annotation not in {None, "None"}:
        assert re.search(r"^Returns:", documentation, re.MULTILINE)
    assert re.search(r"^Example:", documentation, re.MULTILINE)
    assert re.search(r"^See Also:", documentation, re.MULTILINE)
    if re.search(r"^\s+raise ", inspect.getsource(function), re.MULTILINE):
        assert re.search(r"^Raises:", documentation, re.MULTILINE)


@pytest.mark.parametrize(
    "module",
    sorted(
        {vermilion._HOME_OF[name] for name in NAMES}
        | {f"vermilion.cache.{module}" for module in ("expiry", "single_flight", "tags")}
        | {f"vermilion.testing.{module}" for module in ("arguments", "data", "faults", "time_travel", "urls")}
        | {"vermilion.clock"}
    ),
)
def test_the_examples_run(module: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testmod(
        importlib.import_module(module), extraglobs={"run_with_cache": run_with_cache}, optionflags=flags
    )
    assert found.failed == 0
