"""What becomes of the files of an upload when it ends: they are media of the recording, or they go.

All of it blocks, and is done in the lane of the upload or in a thread; when it is done is `uploads`' to say.
"""

from collections.abc import Iterable
from datetime import datetime

from callkeeper.recorder.media.files import MediaFiles
from callkeeper.recorder.media.refusals import storage_error
from callkeeper.recorder.media.upload import Upload
from callkeeper.recorder.store.recording import Media


def publish(files: MediaFiles, upload: Upload, now: datetime) -> Media:
    """Give what has arrived its name and its manifest; harmless when done twice.

    Raises:
        UnknownContent: nothing has arrived, or it is not what is taken.
        NoRoom, OSError: it is not done.
    """
    format_, duration, digest = upload.part.settle(upload.accepted)
    stored = files.publish(upload.recording, upload.opened, format_)
    upload.part.published = True
    size = upload.part.length
    files.write_manifest(stored, {"bytes": size, "sha256": digest}, now)
    return Media(
        content_type=format_.content_type,
        bytes=size,
        duration=duration,
        sha256=digest,
        path=stored,
        channels=files.read_channels(upload.recording),
    )


def clear(files: MediaFiles, upload: Upload, unwanted: str | None, now: datetime) -> None:
    """Remove what was of use while it arrived, and the published file where it is unwanted.

    Raises:
        OSError: it is not done.
    """
    upload.part.close()
    if unwanted is not None:
        for error in files.remove((unwanted,), now).values():
            raise error
    files.drop_part(upload.recording)


def drop(files: MediaFiles, recordings: Iterable[str]) -> dict[str, str]:
    """Remove what has arrived of recordings whose uploads are not open; what could not be removed, and why."""
    failed = {}
    for recording in recordings:
        try:
            files.drop_part(recording)
        except OSError as error:
            failed[recording] = storage_error(error).detail
    return failed
