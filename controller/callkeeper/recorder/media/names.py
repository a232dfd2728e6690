"""The name of a downloaded recording: when, and between whom. Nothing in it can leave the header it is sent in."""

import re
from datetime import UTC
from urllib.parse import quote

from callkeeper.recorder.media.recognition import Format
from callkeeper.recorder.store.recording import KeptRecording

NAME_CHARACTERS = 120
"""File systems take 255 bytes; names of other scripts need up to four a character, of which few are left to parties."""

_EXTENSIONS = {found.content_type: found.extension for found in Format}
_SHOWN = ("calling", "called")
# What no common file system takes, what separates folders, and what hides in a name: controls and other separators.
_UNFIT = re.compile(r"[^\w+*#@.-]+")


def download_name(recording: KeptRecording, content_type: str) -> str:
    """`2026-11-23_12-00-00Z_+390212345_ada.wav`: when it was opened, and the parties as they are displayed."""
    shown = [_display(recording, role) for role in _SHOWN]
    when = recording.opened.astimezone(UTC).strftime("%Y-%m-%d_%H-%M-%SZ")
    stem = "_".join([when, *[text for text in shown if text]])[:NAME_CHARACTERS]
    return f"{stem}.{_EXTENSIONS.get(content_type, 'bin')}"


def content_disposition(name: str) -> str:
    """The header for a download of this name (RFC 6266): ASCII for old software, UTF-8 for all other."""
    plain = re.sub(r"[^A-Za-z0-9+*#@._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _display(recording: KeptRecording, role: str) -> str:
    found = next((party.display for party in recording.parties if party.role == role), "")
    return _UNFIT.sub("-", found).strip("-.")[:48]
