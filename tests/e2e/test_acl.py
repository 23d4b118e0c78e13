"""Users of a whole server: its ACL file, and redis-py with a username and a password."""

from pathlib import Path

import pytest
import redis
from redis.exceptions import AuthenticationError, NoPermissionError

from tests.e2e.process import Process, free_port


def test_redis_py_as_a_user_of_an_acl_file(tmp_path: Path) -> None:
    port = free_port()
    path = tmp_path / "users.acl"
    path.write_text(
        "user default off\nuser admin on >root ~* &* +@all\nuser app on >secret ~app:* +@read +@write +hello\n"
    )
    arguments = ("--port", str(port), "--aclfile", "users.acl")
    with Process(tmp_path, *arguments) as process:
        process.ready()
        for protocol in (2, 3):
            with redis.Redis(port=port, username="app", password="secret", protocol=protocol) as app:
                assert app.set("app:1", "x")
                with pytest.raises(NoPermissionError):
                    app.set("other", "x")
                with pytest.raises(NoPermissionError):
                    app.config_get("hz")
            with (
                redis.Redis(port=port, username="app", password="wrong", protocol=protocol) as wrong,
                pytest.raises(AuthenticationError),
            ):
                wrong.ping()
        with redis.Redis(port=port, username="admin", password="root") as admin:
            admin.acl_setuser("late", enabled=True, nopass=True, commands=["+ping"])
            assert admin.acl_save()
            assert {entry["reason"] for entry in admin.acl_log()} == {"auth", "command", "key"}
            assert admin.acl_getuser("late")["commands"] == ["+ping"]
    with Process(tmp_path, *arguments) as process:
        process.ready()
        with redis.Redis(port=port, username="late", password="") as late:
            assert late.ping()


def test_a_start_with_users_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "users.acl").write_text("user bob +nosuch\n")
    with Process(tmp_path, "--port", str(free_port()), "--aclfile", "users.acl") as process:
        assert process.status() == 1
    assert any("Aborting Redis startup because of ACL errors" in line for line in process.log)
