"""One file per Redis command group, and nothing but commands.

Commands know no sockets, no asyncio, no encoder: typed arguments in, plain values out. Groups never
import each other: what two share moves down a floor.
"""
