"""CacheService and what it speaks in: types, errors, config, serializers, service.

This floor knows backends; it knows no sockets and no RESP.
"""
