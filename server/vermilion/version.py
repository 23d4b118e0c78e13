"""The versions this package answers with: its own, and the Redis it follows."""

from typing import Final

__version__: Final = "0.1.0"

REDIS_VERSION: Final = "8.0.6"
"""The Redis whose commands, replies and error texts this server follows; INFO and HELLO report it."""

REDIS_MODULE: Final = "vectorset"
"""The module that Redis 8.0 has its vector sets from: clients look for it in HELLO and INFO."""

REDIS_MODULE_VERSION: Final = 1
