"""The documentation's test in JavaScript, with node's own runner and ioredis, on the installed command."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.process import WAIT, Process, free_port

ROOT: Final = Path(__file__).parents[2]
MODULES: Final = ROOT / "build" / "node" / "node_modules"
"""Where `make test-libraries` installs ioredis."""

NODE: Final = shutil.which("node")


@pytest.mark.skipif(
    NODE is None or not (MODULES / "ioredis").is_dir(),
    reason="`make test-libraries` installs ioredis, from the network, where there is npm",
)
def test_the_page_tells_the_truth_of_ioredis(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "testing.md").read_text()
    (program,) = re.findall(r"^```js\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    script = tmp_path / "sessions.test.js"
    script.write_text(program)
    port = free_port()
    with Process(tmp_path, "--port", str(port), "--enable-test-commands", "yes", "--save", "") as server:
        server.ready()
        done = subprocess.run(
            [str(NODE), "--test", "--test-reporter", "tap", str(script)],
            env=os.environ | {"NODE_PATH": str(MODULES), "REDIS_URL": f"redis://127.0.0.1:{port}"},
            capture_output=True, text=True, timeout=WAIT, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 4" in done.stdout
