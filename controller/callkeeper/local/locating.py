"""Where settings stand in the files that were read last: the recorder's `Locator`, and for what is printed."""

from callkeeper.manifests.loading import Manifests
from callkeeper.manifests.located import Place
from callkeeper.policy.config import Source
from callkeeper.recorder.locating import Location


class FolderLocator:
    """Looks sources up in the manifests of now."""

    def __init__(self) -> None:
        self._manifests: Manifests | None = None

    def loaded(self, manifests: Manifests) -> None:
        """Take in what was read."""
        self._manifests = manifests

    def place(self, source: Source) -> Place | None:
        """The place of this entry, or None when its object is not among the files."""
        return None if self._manifests is None else self._manifests.locate(source.object, source.entry)

    def locate(self, source: Source) -> Location | None:
        """See `Locator.locate`."""
        place = self.place(source)
        return None if place is None else Location(file=place.file, line=place.line, column=place.column)
