"""What the server and CacheService stand on: an Engine in this process, or a real Redis.

This floor may use asyncio; it knows no listeners and no CacheService.
"""
