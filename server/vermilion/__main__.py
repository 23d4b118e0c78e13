"""The program: arguments in, a server out. Assembles what the floors below it provide."""

import os
import sys
from collections.abc import Sequence

from vermilion import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until it is stopped.

    Args:
        argv: the arguments without the program's name; those of the process if there are none.

    Returns:
        The exit status: 0 after a clean stop, 1 for a configuration or an address that cannot be used.

    Example:
        >>> main(["--version"])  # doctest: +ELLIPSIS
        Redis server v=8...
        0

    See Also:
        `vermilion.cli`, for what happens before; `vermilion.network.process.serve`, for what happens then.

    LLM Context:
        - Imports wait for their turn, so that `--version` and bad arguments are answered at once.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    answer = cli.immediate_answer(arguments)
    if answer:
        (sys.stderr if answer.status else sys.stdout).write(answer.text)
        return answer.status

    from vermilion.config import Config, ConfigError  # noqa: PLC0415

    try:
        config = Config.from_arguments(arguments, os.environ, cli.standard_input(arguments))
        with cli.process(config) as logger:
            from vermilion.network.process import serve  # noqa: PLC0415

            return serve(config, logger)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
