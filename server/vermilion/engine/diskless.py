"""What an engine is without an assembly that gives it a disk: nothing of it is saved, and who asks is told so."""

from vermilion import errors
from vermilion.errors import RespError
from vermilion.ports import SnapshotFigures


class Diskless:
    """The persistence of an engine that has none.

    Args:
        now_ms: when it started.
    """

    is_saving = False
    is_failing = False

    def __init__(self, now_ms: int) -> None:
        self.last_save_ms = now_ms
        self._figures = SnapshotFigures()

    def save(self) -> bool:
        """Return that nothing was written."""
        return False

    def count_save(self) -> None:
        """Count a save that was asked for, though it came to nothing."""
        self._figures = self._figures._replace(saves=self._figures.saves + 1)

    def save_in_background(self) -> None:
        """Count a save that failed at once."""
        self._figures = self._figures._replace(saves=self._figures.saves + 1, last_ok=False)

    def reload(self, *, save: bool, flush: bool, merge: bool) -> None:
        """Refuse: there is no file."""
        raise RespError(errors.NOT_SAVED if save else errors.NOT_LOADED)

    def emptied(self) -> None:
        """There is no file to be emptied."""

    def prepare_end(self, *, save: bool | None, force: bool) -> bool:
        """Return whether the engine may end: not if it was to save, and may not do without."""
        return force or not save

    def cron(self) -> None:
        """There are no save points."""

    def figures(self) -> SnapshotFigures:
        """Return what INFO says of saving."""
        return self._figures
