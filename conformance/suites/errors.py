"""What keeps a suite from being run."""


class SuiteError(Exception):
    """A suite cannot be run: its list breaks the format, it cannot be fetched, or pytest did not finish."""
