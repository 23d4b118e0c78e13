"""Replication, cluster and modules: what is accepted, and what is refused in plain words."""

from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.engine.engine import Engine
from vermilion.protocol.reply import NO_REPLY, OK

Run = Callable[..., object]


def test_role_is_a_primarys(run: Run) -> None:
    assert run("ROLE") == [b"master", 0, []]


@pytest.mark.parametrize("name", ["REPLICAOF", "SLAVEOF"])
def test_no_other_server_is_replicated(run: Run, name: str) -> None:
    assert run(name, "no", "ONE") == OK
    assert run(name, "localhost", 6379) == errors.NOT_A_REPLICA
    assert run(name, "localhost", 65536) == errors.INVALID_PRIMARY_PORT
    assert run("ROLE") == [b"master", 0, []]


@pytest.mark.parametrize("words", [["SYNC"], ["PSYNC", "?", "-1"], ["PSYNC", "?", "-1", "x"]])
def test_no_stream_is_sent(run: Run, words: list[str]) -> None:
    assert run(*words) == errors.NO_REPLICATION_STREAM


def test_what_replicas_acknowledge_is_not_answered(run: Run) -> None:
    assert run("REPLCONF", "ACK", 1) is NO_REPLY
    assert run("REPLCONF", "capa", "eof") == OK


def test_there_is_no_cluster(run: Run) -> None:
    for words in (["CLUSTER", "INFO"], ["CLUSTER", "KEYSLOT", "k"], ["READONLY"], ["READWRITE"], ["ASKING"]):
        assert run(*words) == errors.CLUSTER_DISABLED


@pytest.mark.parametrize("allowed", ["no", "yes", "local"])
def test_no_module_is_loaded(run: Run, engine: Engine, allowed: str) -> None:
    engine.settings.enable_module_command = allowed
    permitted = allowed != "no"
    loading = errors.MODULE_NOT_LOADED if permitted else errors.MODULE_NOT_ALLOWED
    assert run("MODULE", "LOAD", "x") == loading
    assert run("MODULE", "LOADEX", "x", "CONFIG", "a", "b") == loading
    assert run("MODULE", "UNLOAD", "x") == (errors.NO_SUCH_MODULE if permitted else errors.MODULE_NOT_ALLOWED)
    assert run("MODULE", "LIST") == [{b"name": b"vectorset", b"ver": 1, b"path": b"", b"args": []}]


def test_migrate_is_refused_when_there_is_something_to_send(run: Run) -> None:
    run("SET", "k", "v")
    assert run("MIGRATE", "h", 1, "k", 0, 10) == errors.MIGRATE_REFUSED
    assert run("MIGRATE", "h", 1, "", 0, 10, "AUTH", "KEYS", "KEYS", "missing", "k") == errors.MIGRATE_REFUSED
    assert run("GET", "k") == b"v"
