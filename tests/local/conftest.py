"""A home and a settings folder of their own for each test, and processes that end with it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.local.running import UpProcess
from tests.local.serving import Serving

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the quickstart."""
    return Path(shutil.copytree(QUICKSTART, tmp_path / "settings"))


@pytest.fixture
def up(tmp_path: Path, folder: Path) -> Iterator[Callable[..., UpProcess]]:
    """Starts `callkeeper up` on the folder."""
    processes = []

    def start(*arguments: str, log_format: str = "json") -> UpProcess:
        made = UpProcess(tmp_path, folder, *arguments, log_format=log_format)
        processes.append(made)
        return made

    yield start
    for one in processes:
        one.kill()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Starts `callkeeper recorder serve`."""
    processes: list[Serving] = []

    def start(*arguments: str | Path) -> Serving:
        processes.append(Serving(tmp_path, *arguments))
        return processes[-1]

    yield start
    for one in processes:
        if one.process.poll() is None:
            one.process.kill()
            one.end()
