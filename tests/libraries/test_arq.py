"""arq, which wants an older redis-py than the other tests do: in an environment of its own, as a process."""

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.process import WAIT, Process, free_port

PYTHON: Final = Path(__file__).parents[2] / "build" / "libraries" / "bin" / "python"
"""The interpreter beside which `make test-libraries` installs the dependency group `libraries`."""


def has_arq() -> bool:
    """Return whether that environment is there, and whole."""
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", "import arq"], check=False).returncode == 0


@pytest.mark.skipif(not has_arq(), reason="`make test-libraries` installs arq, from the network")
def test_arq(tmp_path: Path) -> None:
    port = free_port()
    with Process(tmp_path, "--port", str(port)) as server:
        server.ready()
        program = [str(PYTHON), str(Path(__file__).with_name("arq_jobs.py")), str(port)]
        done = subprocess.run(program, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("ticks") >= 1  # at the start, and every second
    assert told == {
        "queued": 13,
        "again": None,  # a job of that id was there
        "sums": list(range(1, 11)),
        "overdue": 42,
        "tries": 3,
        "refused": "not today",
        "jobs_complete": 12,
        "jobs_failed": 1,
        "jobs_retried": 2,
        "left": 0,
        "aborted": True,
        "deferred": "deferred",
        "soon": 3,
    }
