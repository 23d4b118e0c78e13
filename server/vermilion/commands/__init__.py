"""One file per Redis command group, and nothing but commands.

Commands know no sockets, no asyncio, no encoder: typed arguments in, plain values out. Groups never import each
other: what two share moves down a floor. Importing `groups.py` declares every command there is; the words that
declarations are written in are in `syntax.py`, `compiler.py` makes parsers of them, `registry.py` is the table.
"""
