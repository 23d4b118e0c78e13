"""The examples of the documentation's pages: they run, and show what the pages say."""

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.e2e.process import free_port, wait_for_the_end
from tests.real_server import RealServer
from vermilion import Server

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
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
            home = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
            return f"{home}{kind.__qualname__}: {error}\n"
    return printed.getvalue()


PAGES = ("cache-service.md", "testing.md", "from-fakeredis.md", "from-miniredis.md", "from-a-container.md")


@pytest.mark.parametrize("page", PAGES)
async def test_the_examples_of_a_page_run(page: str, real_server: RealServer) -> None:
    text = (DOCS / page).read_text().replace("/run/redis/redis.sock", real_server.socket)
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_examples("\n".join(blocks))
    assert examples
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for example in examples:
        expected = example.exc_msg or example.want
        got = await run(example, namespace)
        assert doctest.OutputChecker().check_output(expected, got, FLAGS), (example.source, expected, got)


def readme_block(word: str) -> str:
    """Return the Python block of the README that has a word in it."""
    blocks: list[str] = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (found,) = [block for block in blocks if word in block]
    return found


def run_python(code: str, folder: Path, *arguments: str) -> str:
    """Run a program as a reader of the README would, and return what it prints."""
    program = folder / "test_readme.py"
    program.write_text(code)
    # Where the interpreter of the tests is, the installed command is too.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, *arguments, str(program)],
        capture_output=True, text=True, cwd=folder, env=os.environ | {"PATH": path}, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readme_caches_in_process(tmp_path: Path) -> None:
    assert run_python(readme_block("MemoryConfig"), tmp_path) == "{'name': 'Ada'}\n"


async def test_the_readme_caches_on_a_server(tmp_path: Path) -> None:
    async with Server(port=0) as server:
        block = readme_block("RedisConfig").replace("6379", str(server.port))
        assert await asyncio.to_thread(run_python, block, tmp_path) == "{'name': 'Ada'}\n"
        assert await server.backend.get("user:42") == b'{"name":"Ada"}'


def test_the_readme_tests_with_a_client(tmp_path: Path) -> None:
    printed = run_python(
        readme_block("vermilion.Vermilion()"), tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider"
    )
    assert "1 passed" in printed


TESTS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    )
    if "def test_" in block
]


@pytest.mark.parametrize("block", TESTS)
def test_the_tests_of_a_page_pass(block: str, tmp_path: Path) -> None:
    printed = run_python(block, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert re.search(r"^[1-9][0-9]* passed", printed, re.MULTILINE)


def test_a_step_of_a_pipeline_starts_a_server(tmp_path: Path) -> None:
    (step,) = re.findall(
        r"^```sh\n(.*?)^```$", (DOCS / "from-a-container.md").read_text(), re.MULTILINE | re.DOTALL
    )
    port = free_port()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    words = [step.replace("6379", str(port))]
    subprocess.run(
        ["bash", "-euc", *words], cwd=tmp_path, env=os.environ | {"PATH": path}, timeout=60, check=True
    )
    pidfile = tmp_path / "redis.pid"
    pid = int(pidfile.read_text())
    try:
        with redis.Redis(port=port) as client:
            assert client.info("server")["process_id"] == pid
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for_the_end(pidfile)
    assert "bye bye" in (tmp_path / "redis.log").read_text()
