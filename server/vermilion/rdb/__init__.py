"""The format of RDB: values as bytes, for DUMP and RESTORE and for snapshots.

This floor knows no keys, no time to live, no files and no wire: a value in, bytes out, and back. What it reads is
untrusted: sizes are checked against what is there before memory is taken.
"""
