"""MODULE, of the server group: the one whose commands are built in is shown, and none can be loaded."""

from typing import Final

from vermilion import errors
from vermilion.commands.introspection import loaded_modules
from vermilion.commands.registry import command, container
from vermilion.commands.syntax import ADMIN, LOADING, NO_ASYNC_LOADING, NOSCRIPT, STALE, Argument
from vermilion.errors import RespError
from vermilion.protocol.reply import Reply, Status
from vermilion.session import Session

_CHANGES: Final = ADMIN | NOSCRIPT | NO_ASYNC_LOADING

container("MODULE", group="server", since="4.0.0", summary="A container for the commands of modules.")


def _check_allowed(session: Session) -> None:
    """Refuse who may not load code."""
    if not session.may_use(session.server.settings.enable_module_command):
        raise RespError(errors.MODULE_NOT_ALLOWED)


@command(
    "MODULE|LIST", ADMIN | NOSCRIPT, since="4.0.0", group="server",
    complexity="O(N) where N is the number of modules.", tips=["nondeterministic_output_order"],
)  # fmt: skip
def module_list() -> list[Reply]:
    """Return the modules: the one whose commands are built in."""
    return loaded_modules()


@command(
    "MODULE|LOAD", _CHANGES, since="4.0.0", complexity="O(1)", group="server", raw=True, arity=-3,
    arguments=[Argument("path", "string"), Argument("arg", "string", optional=True, multiple=True)],
)  # fmt: skip
def module_load(session: Session, argv: list[bytes]) -> Reply:
    """Refuse to load a module: it is code for another server."""
    _check_allowed(session)
    raise RespError(errors.MODULE_NOT_LOADED)


@command(
    "MODULE|LOADEX", _CHANGES, since="7.0.0", complexity="O(1)", group="server", raw=True, arity=-3,
    arguments=[
        Argument("path", "string"),
        Argument(
            "configs", "block", token="CONFIG", optional=True, multiple=True, multiple_token=True,
            arguments=[Argument("name", "string"), Argument("value", "string")],
        ),
        Argument("args", "string", token="ARGS", optional=True, multiple=True),
    ],
)  # fmt: skip
def module_loadex(session: Session, argv: list[bytes]) -> Reply:
    """Refuse to load a module with its configuration."""
    return module_load(session, argv)


@command(
    "MODULE|UNLOAD", _CHANGES, since="4.0.0", complexity="O(1)", group="server", raw=True, arity=3,
    arguments=[Argument("name", "string")],
)  # fmt: skip
def module_unload(session: Session, argv: list[bytes]) -> Reply:
    """Refuse to take a module away that is not there."""
    _check_allowed(session)
    raise RespError(errors.NO_SUCH_MODULE)


@command("MODULE|HELP", LOADING | STALE, since="5.0.0", complexity="O(1)", group="server")
def module_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LIST",
    "    Return the modules that are loaded: none.",
    "LOAD <path> [<arg> ...]",
    "    Load a module: refused.",
    "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
    "    Load a module with its configuration: refused.",
    "UNLOAD <name>",
    "    Take a module away.",
    "HELP",
    "    Print this help.",
)
