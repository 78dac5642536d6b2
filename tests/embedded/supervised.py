"""A supervisor over one small program, as a process of its own: `supervised.py LOGS BEHAVIOUR`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.embedded.console import Console
from app.embedded.errors import StartFailed
from app.embedded.processes import Program
from app.embedded.supervisor import StopRequested, Supervisor

BEHAVIOURS = {
    "calm": "print('ready', os.getpid(), flush=True); time.sleep(600)",
    "deaf": "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', os.getpid(), flush=True); time.sleep(600)",
    "parent": (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "print('ready', child.pid, flush=True); time.sleep(600)"
    ),
    "broken": "sys.exit('cannot find the thing it needs')",
}


def main(logs: Path, behaviour: str) -> int:
    console = Console()
    supervisor = Supervisor(console, logs)
    script = f"import os, signal, subprocess, sys, time; {BEHAVIOURS[behaviour]}"
    program = Program("worker", (sys.executable, "-c", script), os.environ, logs, grace_seconds=1.0)
    try:
        child = supervisor.start(program)
        supervisor.wait_until(lambda: "ready" in child.last_words, 60, [child])
        console.say("supervising")
        supervisor.run()
    except StopRequested:
        return 0
    except StartFailed as failure:
        console.fail(str(failure))
        return 1
    finally:
        supervisor.stop()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
