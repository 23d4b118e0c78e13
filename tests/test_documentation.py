"""The examples of the documentation's pages: they run, and show what the pages say."""

import ast
import contextlib
import doctest
import inspect
import io
import re
import types
from pathlib import Path
from typing import Any

import pytest

from tests.real_server import RealServer

DOCS = Path(__file__).parent.parent / "docs"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


async def run(example: doctest.Example, namespace: dict[str, Any]) -> str:
    """Run one example as `python -m asyncio` would, and return what it prints."""
    code = compile(example.source, "<docs>", "single", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            result = types.FunctionType(code, namespace)()
            if inspect.iscoroutine(result):
                await result
        except Exception as error:
            if example.exc_msg is None:
                raise
            kind = type(error)
            return f"{kind.__module__}.{kind.__qualname__}: {error}\n"
    return printed.getvalue()


@pytest.mark.parametrize("page", ["cache-service.md"])
async def test_the_examples_of_a_page_run(page: str, real_server: RealServer) -> None:
    text = (DOCS / page).read_text().replace("/run/redis/redis.sock", real_server.socket)
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_examples("\n".join(blocks))
    assert len(examples) > 10
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for example in examples:
        expected = example.exc_msg or example.want
        got = await run(example, namespace)
        assert doctest.OutputChecker().check_output(expected, got, FLAGS), (example.source, expected, got)
