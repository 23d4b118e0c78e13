"""Opening a backend: again and again, each time after a longer wait, until it opens or enough is enough."""

import logging
from collections.abc import Awaitable, Callable

from vermilion.cache.config import RetryConfig
from vermilion.cache.errors import CacheOperationError, ErrorCode
from vermilion.cache.failures import connection_error
from vermilion.cache.types import ManagedBackend

logger = logging.getLogger("vermilion.cache")


async def connect(
    backend: ManagedBackend,
    retry: RetryConfig,
    sleep: Callable[[float], Awaitable[object]],
    random: Callable[[], float],
) -> None:
    """Initialize a backend, with exponential backoff and jitter.

    Args:
        backend: what to initialize; an OSError is a failure worth another try.
        retry: how often, and how long in between.
        sleep: waits for a number of seconds.
        random: a random number from 0.0 up to 1.0.

    Raises:
        CacheConnectionError: when the last try failed too, or the password is wrong.
        CacheOperationError: BACKEND_ERROR, when the backend failed in another way, which no retry mends.
    """
    for attempt in range(1, retry.attempts + 1):
        try:
            await backend.initialize()
        except OSError as error:
            if attempt == retry.attempts or isinstance(error, PermissionError):
                raise connection_error(backend, error, attempts=attempt) from error
            delay = min(retry.max_delay, retry.base_delay * 2 ** (attempt - 1))
            delay *= 0.5 + 0.5 * random()
            logger.warning(
                "cache backend not reached, attempt %d of %d, next in %.2f s: %s",
                attempt, retry.attempts, delay, error,
            )  # fmt: skip
            await sleep(delay)
        except Exception as error:
            raise CacheOperationError(
                f"the backend does not start: {error}", ErrorCode.BACKEND_ERROR, {"operation": "initialize"}
            ) from error
        else:
            return
