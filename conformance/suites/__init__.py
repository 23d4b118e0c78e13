"""Published test-suites of others, run against Vermilion: redis-py's and fakeredis's own."""
