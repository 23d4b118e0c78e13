"""Lua scripts and function libraries: the upper floor that EVAL and FCALL ask through a port of `ports.py`.

What it must not know: sockets, the bytes of the wire. lupa lives here only, and is imported by the first script.
"""
