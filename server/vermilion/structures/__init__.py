"""Values that know no keys: pure data structures with tests of their own.

They know no TTL policy, no RESP and no clients.
"""
