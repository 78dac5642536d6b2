from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.embedded.lock import AlreadyRunning, hold_lock
from app.embedded.servers import EmbeddedServers


def test_a_second_start_names_the_first(area: Path, start: Callable[[Path], EmbeddedServers]) -> None:
    start(area / "data")
    with pytest.raises(AlreadyRunning, match=rf"already runs on .*/data \(process {os.getpid()}\)"):
        start(area / "data")


def test_a_killed_holder_leaves_it_free(area: Path, project_root: Path) -> None:
    script = (
        "import os, pathlib, sys; from app.embedded.lock import hold_lock; "
        "kept = hold_lock(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(area)], cwd=project_root, check=False)
    assert (area / "lock").exists()
    hold_lock(area).close()
