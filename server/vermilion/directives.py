"""How a directive of redis.conf is declared: once, as an attribute of the class that holds the values."""

from typing import Any, Literal, TypeVar, cast, dataclass_transform

from vermilion.kinds import Kind

T = TypeVar("T")

Access = Literal["live", "fixed", "protected", "file"]
"""Whether CONFIG SET changes a directive: always, never, if enable-protected-configs says so; or whether it
is no parameter at all and stands in files only."""


class Directive:
    """One directive: all that is known of it.

    Attributes:
        name: as redis.conf writes it.
        attribute: the name of the attribute of `Settings` that holds its value.
        kind: what its value may be.
        default: as CONFIG GET answers it on a server without a configuration file.
        doc: one sentence.
        alias: an older name, or empty.
        access: who may change it.
        hidden: whether CONFIG GET answers it only by its full name.
        ignored: whether it is accepted and answered, and changes nothing in this server.
        names_file: whether it names a file that is read again at each CONFIG SET, to the same name, too.
    """

    __slots__ = (
        "access", "alias", "attribute", "default", "doc", "hidden", "ignored", "kind", "name", "names_file",
    )  # fmt: skip

    def __init__(
        self,
        kind: Kind[Any],
        default: str,
        doc: str,
        *,
        alias: str,
        access: Access,
        hidden: bool,
        ignored: bool,
        names_file: bool,
    ) -> None:
        self.name = self.attribute = ""
        self.kind = kind
        self.default = default
        self.doc = doc
        self.alias = alias
        self.access: Access = access
        self.hidden = hidden
        self.ignored = ignored
        self.names_file = names_file

    def default_value(self) -> Any:
        """Return the value of the default: a new one, for a working directory may have become another."""
        return self.kind.parse(self.kind.split(self.default))


def directive(
    kind: Kind[T],
    default: str,
    doc: str,
    *,
    alias: str = "",
    access: Access = "live",
    hidden: bool = False,
    ignored: bool = False,
    names_file: bool = False,
) -> T:
    """Declare an attribute of `Settings`; the arguments are the attributes of `Directive`.

    The return type is the value's, as it is for `dataclasses.field`: the declaration reads as an assignment.
    """
    declared = Directive(
        kind, default, doc, alias=alias, access=access, hidden=hidden, ignored=ignored, names_file=names_file
    )
    return cast("T", declared)


@dataclass_transform(kw_only_default=True, eq_default=False)
def compiled(cls: type[T]) -> type[T]:
    """Return a class with the declared directives as slots and as keyword arguments with defaults.

    `dataclasses` would do, but compiling an `__init__` of two hundred arguments takes a tenth of the time to
    the first PONG.
    """
    table = {name: one for name, one in vars(cls).items() if isinstance(one, Directive)}
    for attribute, one in table.items():
        one.attribute = attribute
        one.name = attribute.replace("_", "-")

    def __init__(self: object, **values: object) -> None:  # noqa: N807  # a method made here
        for attribute, one in table.items():
            setattr(self, attribute, values.pop(attribute) if attribute in values else one.default_value())
        if values:
            raise TypeError(f"no such directive: {', '.join(values)}")

    namespace = {
        name: value for name, value in vars(cls).items() if name not in {*table, "__dict__", "__weakref__"}
    }
    namespace |= {"__slots__": tuple(table), "__init__": __init__, "directives": tuple(table.values())}
    return cast("type[T]", type(cls.__name__, cls.__bases__, namespace))
