"""What is written about the runner is true: the examples in its docstrings, and the verbs in its README."""

import doctest
import importlib
from pathlib import Path

import pytest

import conformance
from conformance.corpus import ACTIONS
from conformance.verbs import TOLERANCES

ROOT = Path(conformance.__file__).parent


@pytest.mark.parametrize("name", ["connection", "corpus", "coverage", "report", "resp", "verbs"])
def test_examples(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"conformance.{name}"))
    assert results.attempted > 0
    assert results.failed == 0


def test_the_readme_tells_every_verb_and_directive() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for word in [*TOLERANCES, *ACTIONS, "each", "config", "cleanup", "resp", "requires"]:
        assert f"`{word}" in readme, word
