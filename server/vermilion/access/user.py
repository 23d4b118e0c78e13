"""A user: the name, the passwords, and what each of the selectors permits.

    on >secret ~app:* +@read (~log:* +xadd)

The first selector is the user's own; those in parentheses are further ones. A call is permitted when one selector
permits all of it. Passwords are kept as SHA-256 in hexadecimal, and nowhere else.
"""

import hmac
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from vermilion import errors
from vermilion.access.catalogue import Catalogue
from vermilion.access.selector import RuleError, Selector
from vermilion.words import split_words

DEFAULT: Final = b"default"
_HEXADECIMAL: Final = frozenset(b"0123456789abcdef")
_HASH_SIZE: Final = 64


class UnmatchedParenthesisError(Exception):
    """A selector among the rules that does not end.

    Args:
        word: the rule that begins it.
    """

    def __init__(self, word: bytes) -> None:
        super().__init__(word)
        self.word = word


def merge_selectors(words: Iterable[bytes]) -> list[bytes]:
    """Return rules with each selector as one of them: `(+get`, `~a)` is `(+get ~a)`."""
    merged: list[bytes] = []
    begun: list[bytes] = []
    for word in words:
        if begun:
            begun.append(word)
        elif word.startswith(b"(") and not word.endswith(b")"):
            begun = [word]
        else:
            merged.append(word)
        if begun and word.endswith(b")"):
            merged.append(b" ".join(begun))
            begun = []
    if begun:
        raise UnmatchedParenthesisError(begun[0])
    return merged


def _digest(password: bytes) -> bytes:
    """Return the form in which a password is kept."""
    return sha256(password).hexdigest().encode()


def _hash(rule: bytes) -> bytes:
    """Return the hash that a rule gives; RuleError for what is none."""
    if len(rule) != _HASH_SIZE or not _HEXADECIMAL.issuperset(rule):
        raise RuleError(errors.ACL_BAD_HASH)
    return rule


class User:
    """A user; a new one is off, has no password and no permission.

    Args:
        name: without spaces and NULs.
        catalogue: the commands there are.
        all_channels: whether selectors begin with the permission of all channels (`acl-pubsub-default`).

    LLM Context:
        - Sessions hold the user itself: `become` changes it in place, for all of them at once.
        - `apply` raises RuleError half-way through a list of rules, so change a `copy` and let the user `become` it.
    """

    __slots__ = ("all_channels", "catalogue", "enabled", "hashes", "name", "nopass", "sanitize", "selectors")

    def __init__(self, name: bytes, catalogue: Catalogue, *, all_channels: bool = False) -> None:
        self.name = name
        self.catalogue = catalogue
        self.all_channels = all_channels
        self.enabled = False
        self.nopass = False
        self.sanitize = True
        self.hashes: list[bytes] = []
        self.selectors = [Selector(catalogue, all_channels=all_channels)]

    def copy(self, *, all_channels: bool = False) -> "User":
        """Return one of the same name, passwords and permissions; `all_channels` is for selectors made from now on."""
        other = User(self.name, self.catalogue, all_channels=all_channels)
        other.enabled, other.nopass, other.sanitize = self.enabled, self.nopass, self.sanitize
        other.hashes = self.hashes.copy()
        other.selectors = [selector.copy() for selector in self.selectors]
        return other

    def become(self, other: "User") -> None:
        """Take over what another is."""
        self.enabled, self.nopass, self.sanitize = other.enabled, other.nopass, other.sanitize
        self.hashes, self.selectors = other.hashes, other.selectors

    # What it may ------------------------------------------------------------------------------------------

    @property
    def unrestricted(self) -> bool:
        """Whether it may do everything."""
        return any(selector.unrestricted for selector in self.selectors)

    @property
    def open(self) -> bool:
        """Whether nobody has to authenticate to be this user."""
        return self.nopass and self.enabled

    def admits(self, password: bytes) -> bool:
        """Return whether a client with this password may be this user."""
        given = _digest(password)
        # All are compared, in constant time: the time of a refusal must not tell how much of a guess was right.
        known = [hmac.compare_digest(given, held) for held in self.hashes]
        return self.enabled and (self.nopass or any(known))

    # Rules ------------------------------------------------------------------------------------------------

    def apply(self, rule: bytes) -> None:
        """Change the user by one rule; RuleError says what is wrong with it."""
        word = _WORDS.get(rule.lower())
        if word is not None:
            word(self)
        elif rule.startswith((b">", b"#")):
            self._add_password(_digest(rule[1:]) if rule.startswith(b">") else _hash(rule[1:]))
        elif rule.startswith((b"<", b"!")):
            self._remove_password(_digest(rule[1:]) if rule.startswith(b"<") else _hash(rule[1:]))
        elif rule.startswith(b"(") and rule.endswith(b")"):
            selector = Selector(self.catalogue, all_channels=self.all_channels)
            for inner in split_words(rule[1:-1]) or ():
                selector.apply(inner)
            self.selectors.append(selector)
        else:
            self.selectors[0].apply(rule)

    def _add_password(self, digest: bytes) -> None:
        """Let a password in."""
        if digest not in self.hashes:
            self.hashes.append(digest)
        self.nopass = False

    def _remove_password(self, digest: bytes) -> None:
        """Let a password in no longer."""
        if digest not in self.hashes:
            raise RuleError(errors.ACL_NO_SUCH_PASSWORD)
        self.hashes.remove(digest)

    def enable(self) -> None:
        """Let clients be this user."""
        self.enabled = True

    def disable(self) -> None:
        """Let clients become this user no longer."""
        self.enabled = False

    def admit_all(self) -> None:
        """Let every password in."""
        self.nopass = True
        self.hashes.clear()

    def clear_passwords(self) -> None:
        """Let no password in."""
        self.nopass = False
        self.hashes.clear()

    def distrust(self) -> None:
        """Have what RESTORE brings checked deeply."""
        self.sanitize = True

    def trust(self) -> None:
        """Have what RESTORE brings believed."""
        self.sanitize = False

    def clear_selectors(self) -> None:
        """Keep the user's own selector only."""
        del self.selectors[1:]

    def reset(self) -> None:
        """Begin anew."""
        self.become(User(self.name, self.catalogue, all_channels=self.all_channels))

    # Description ------------------------------------------------------------------------------------------

    @property
    def flags(self) -> list[bytes]:
        """What is neither password nor permission, as words."""
        words = [b"on" if self.enabled else b"off"]
        if self.nopass:
            words.append(b"nopass")
        words.append(b"sanitize-payload" if self.sanitize else b"skip-sanitize-payload")
        return words

    def describe(self) -> bytes:
        """Return the rules that make a new user into this one."""
        own, *others = [selector.describe() for selector in self.selectors]
        hashes = [b"#" + digest for digest in self.hashes]
        return b" ".join([*self.flags, *hashes, own, *(b"(%b)" % other for other in others)])

    def line(self) -> bytes:
        """Return the line of a file that declares this user."""
        return b"user %b %b" % (self.name, self.describe())


_WORDS: Final[dict[bytes, Callable[[User], None]]] = {
    b"on": User.enable,
    b"off": User.disable,
    b"nopass": User.admit_all,
    b"resetpass": User.clear_passwords,
    b"sanitize-payload": User.distrust,
    b"skip-sanitize-payload": User.trust,
    b"clearselectors": User.clear_selectors,
    b"reset": User.reset,
}


def default_user(catalogue: Catalogue) -> User:
    """Return the user that every client is at first: it may do everything, and needs no password."""
    user = User(DEFAULT, catalogue)
    for rule in (b"on", b"nopass", b"~*", b"&*", b"+@all"):
        user.apply(rule)
    return user


def read_users(
    text: bytes, source: str, catalogue: Catalogue, *, all_channels: bool = False
) -> tuple[dict[bytes, User], Sequence[str]]:
    """Read a file of users.

    Args:
        text: lines of `user NAME RULE …`; empty ones and those that begin with `#` mean nothing.
        source: the name of the file, for the errors.
        catalogue: the commands there are.
        all_channels: whether selectors begin with the permission of all channels.

    Returns:
        The users by name, and what is wrong with the file, sentence by sentence.
    """
    users: dict[bytes, User] = {}
    wrong: list[str] = []
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.strip(b" \t\r\n")
        if not line or line.startswith(b"#"):
            continue
        keyword, *words = line.split(b" ")
        if keyword != b"user" or not words:
            wrong.append(errors.acl_file_keyword(source, number))
            continue
        name, *words = words
        if name in users:
            wrong.append(errors.acl_file_duplicate(name, number))
            continue
        user = users[name] = User(name, catalogue, all_channels=all_channels)
        try:
            rules = merge_selectors(words)
        except UnmatchedParenthesisError:
            wrong.append(errors.acl_file_line(source, number, errors.ACL_FILE_UNMATCHED))
            continue
        told = False
        for rule in (word.strip(b"\t\r\n") for word in rules):
            try:
                user.apply(rule)
            except RuleError as error:
                if error.unknown:
                    wrong.append(errors.acl_file_rule(source, number, rule, str(error)))
                elif not told:  # the first one may be why the others are wrong
                    wrong.append(errors.acl_file_line(source, number, str(error)))
                    told = True
    return users, wrong
