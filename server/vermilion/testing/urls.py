"""Instances by URL, for code that takes nothing else: `vermilion://name`.

redis-py knows three schemes, and has no public way to add another. While there is a registered instance, its
`parse_url`, of both halves, knows this one, too; afterwards everything is as it was.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlparse

if TYPE_CHECKING:
    from vermilion.testing.instance import Vermilion

SCHEME: Final = "vermilion"

_instances: Final[dict[str, "Vermilion"]] = {}
"""By name: what a URL names must be the same everywhere in the process."""

_replaced: Final[list[tuple[Any, Callable[[str], Any]]]] = []
"""The modules of redis-py whose `parse_url` is ours for now, with their own."""


def register_url(instance: "Vermilion", name: str) -> str:
    """Let redis-py's `from_url` connect to an instance, everywhere in this process.

    Args:
        instance: which.
        name: what it is called in the URL: letters, digits, `-`, `_` and `.`.

    Returns:
        The URL, `vermilion://name`. It takes a database and options as others do: `vermilion://name/3?protocol=3`.

    Raises:
        ValueError: for a name that is taken, or that cannot stand in a URL.

    Example:
        >>> import redis
        >>> from vermilion import Vermilion
        >>> url = register_url(Vermilion(), "cache")
        >>> redis.Redis.from_url(url).set("greeting", "hello")
        True
        >>> unregister_url("cache")

    See Also:
        `unregister_url`; `Vermilion.connect`, which needs no URL.
    """
    if urlparse(f"{SCHEME}://{name}").hostname != name:
        raise ValueError(f"{name!r} cannot be a name: give lower-case letters, digits, '-', '_' and '.'")
    if name in _instances:
        raise ValueError(f"{name!r} is the name of another instance")
    _instances[name] = instance
    if not _replaced:
        _replace()
    return f"{SCHEME}://{name}"


def unregister_url(name: str) -> None:
    """Take a name back; clients that are connected stay so.

    Args:
        name: of an instance.

    Raises:
        KeyError: when there is none of that name.

    Example:
        See `register_url`.

    See Also:
        `register_url`.
    """
    del _instances[name]
    if not _instances:
        for module, own in _replaced:
            module.parse_url = own
        _replaced.clear()


def _replace() -> None:
    """Let redis-py know of the scheme."""
    import redis.asyncio.connection  # noqa: PLC0415  # with its asyncio half it takes longer than everything else
    import redis.connection  # noqa: PLC0415

    from vermilion.testing.async_connection import AsyncInProcessConnection  # noqa: PLC0415
    from vermilion.testing.connection import InProcessConnection  # noqa: PLC0415

    kinds: list[tuple[Any, type[Any]]] = [
        (redis.connection, InProcessConnection),
        (redis.asyncio.connection, AsyncInProcessConnection),
    ]
    for module, kind in kinds:
        _replaced.append((module, module.parse_url))
        module.parse_url = _parser(module.parse_url, kind)


def _parser(own: Callable[[str], Any], kind: type[Any]) -> Callable[[str], Any]:
    """Return a `parse_url` that knows of our scheme besides its own."""

    def parse_url(url: str) -> Any:
        prefix = f"{SCHEME}://"
        if not url.startswith(prefix):
            return own(url)
        name = unquote(urlparse(url).hostname or "")
        if name not in _instances:
            raise ValueError(f"there is no instance {name!r}: register_url makes one known")
        options = own(f"redis://{url.removeprefix(prefix)}")
        options.pop("host", None)
        options.pop("port", None)
        return {**options, "connection_class": kind, "vermilion": _instances[name].door}

    return parse_url
