"""Record what a Redis server says of every directive, into `directives.txt` beside this file.

Run as `python tests/config/record_directives.py redis-server`. The server is started on a Unix socket in a
temporary directory: what it answers are the defaults of a server without a configuration file.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import redis

TARGET = Path(__file__).with_name("directives.txt")
HEADER = """\
# Every parameter of Redis {version}, recorded by tests/config/record_directives.py: CONFIG GET * of a server
# without a configuration file, and those that CONFIG GET answers by their full name only ("hidden").
# Columns, separated by tabs: name; default; what CONFIG SET says to the default (live, fixed, protected);
# listed or hidden; then what a configuration file with the value "?", -9000000000000000000 and
# 9000000000000000000 is refused with ("-": accepted).
# `port` and `unixsocket` are given to the recorded server; `dir` is its working directory: all three by hand.
"""
HIDDEN = (
    "key-load-delay",
    "lua-enable-deprecated-api",
    "rdb-key-save-delay",
    "repl-rdb-channel",
    "use-exit-on-panic",
    "watchdog-period",
)
BY_HAND = {"port": "6379", "unixsocket": "", "dir": "."}
PROBES = ("?", "-9000000000000000000", "9000000000000000000")


def refusal(command: Sequence[str], folder: str, name: str, value: str) -> str:
    """Return the reason for which a server refuses to start with a directive."""
    text = f"{name} {value}\nport refuse-to-start\n"
    done = subprocess.run(
        [*command, "-"], input=text, capture_output=True, text=True, cwd=folder, check=False
    )
    _, _, line, *reason = done.stderr.strip().splitlines() or ("", "", "")
    return "-" if "refuse-to-start" in line or not line else " ".join(reason)


def access(client: redis.Redis, name: str, value: str) -> str:
    """Return whether CONFIG SET may change a directive."""
    try:
        client.config_set(name, value)
    except redis.ResponseError as error:
        return {"immutable": "fixed", "protected": "protected"}.get(str(error).split()[-2], "live")
    return "live"


def record(command: Sequence[str]) -> str:
    """Return the text of the fixture."""
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/s"
        with subprocess.Popen([*command, "--port", "0", "--unixsocket", socket], cwd=folder) as server:
            client = redis.Redis(unix_socket_path=socket, decode_responses=True)
            for _ in range(100):
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
            listed = {str(name): str(value) for name, value in client.config_get("*").items()}
            values = listed | {name: str(client.config_get(name)[name]) for name in HIDDEN}
            lines = [HEADER.format(version=client.info("server")["redis_version"])]
            for name, value in sorted(values.items()):
                columns = [name, BY_HAND.get(name, value), access(client, name, value)]
                columns.append("listed" if name in listed else "hidden")
                columns += [refusal(command, folder, name, probe) for probe in PROBES]
                lines.append("\t".join(columns) + "\n")
            server.terminate()
    return "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(record(sys.argv[1:]), encoding="utf-8")
