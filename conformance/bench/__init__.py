"""Measurements beside a real Redis and beside other caches: `make bench`.

Each module measures one thing and hands back `result.Section`s; `report` prints them. Nothing here decides
whether a figure is good enough to release: a goal that is not met is said, and the exit status stays 0.
`docs/performance.md` tells how the figures are taken and how to read them.
"""
