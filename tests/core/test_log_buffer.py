from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.core.logging import BufferedWriter, DescriptorSink
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
PREPARE = """
import os, signal, sys, time
from app.core.logging import Kind, configure_logging, flush, get_logger
"""


def run(code: str, **options) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, **options
    )


def events(output: str) -> list[str]:
    return [json.loads(line)["event"] for line in output.splitlines()]


class Gate:
    """A sink that is stuck until it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.got: list[bytes] = []

    def __call__(self, octets: bytes) -> None:
        self.open.wait()
        self.got.append(octets)


def test_when_the_sink_is_stuck_the_oldest_lines_go_and_are_counted():
    gate, lost = Gate(), []
    writer = BufferedWriter(gate, capacity=100, interval=3600, on_drop=lost.append)
    for number in range(250):
        writer.write(f"{number}\n".encode())
    assert (writer.waiting, sum(lost)) == (100, 150)
    gate.open.set()
    writer.flush()
    assert b"".join(gate.got).split() == [str(number).encode() for number in range(150, 250)]
    writer.close()


def test_an_urgent_line_is_written_at_once_others_wait():
    got: list[bytes] = []
    writer = BufferedWriter(got.append, interval=3600)
    writer.write(b"first\n")
    assert got == []
    writer.write(b"second\n", urgent=True)
    wait_until(lambda: got)
    assert got == [b"first\nsecond\n"]
    writer.close()


def test_lines_are_written_when_the_interval_is_over():
    got: list[bytes] = []
    writer = BufferedWriter(got.append, interval=0.01)
    writer.write(b"line\n")
    wait_until(lambda: got == [b"line\n"])
    writer.close()


def test_a_direct_line_is_written_before_the_call_returns_and_in_order():
    got: list[bytes] = []
    writer = BufferedWriter(got.append, interval=3600)
    writer.write(b"before\n")
    writer.write(b"audit\n", direct=True)
    assert got == [b"before\naudit\n"]
    writer.close()


def test_a_full_pipe_stops_nobody():
    reading, writing = os.pipe()
    writer = BufferedWriter(DescriptorSink(writing), capacity=10_000, interval=0.001)
    for number in range(30_000):
        writer.write(b"%05d %s\n" % (number, b"x" * 90), urgent=True)
    while writer.waiting < 10_000:  # the thread had not come to take what the pipe can hold
        number += 1
        writer.write(b"%05d %s\n" % (number, b"x" * 90), urgent=True)
    got = bytearray()
    reader = threading.Thread(target=lambda: [got.extend(part) for part in iter(lambda: os.read(reading, 65536), b"")])
    reader.start()
    wait_until(lambda: writer.waiting == 0 and b"%05d " % number in got)
    writer.close()
    os.close(writing)
    reader.join()
    os.close(reading)
    numbers = [int(line[:5]) for line in bytes(got).splitlines()]
    assert numbers == sorted(set(numbers)) and numbers[-1] == number


def test_a_closed_pipe_loses_lines_and_says_so_without_raising():
    reading, writing = os.pipe()
    os.close(reading)
    lost: list[int] = []
    writer = BufferedWriter(DescriptorSink(writing), interval=3600, on_drop=lost.append)
    writer.write(b"a\n", direct=True)
    writer.write(b"b\n")
    assert lost == [1]
    os.close(writing)


def test_what_waits_is_written_at_exit():
    done = run(PREPARE + 'configure_logging(service="t", production=True)\nget_logger().info("last words")')
    assert events(done.stdout) == ["last words"]


def test_what_waits_is_written_on_sigterm():
    code = 'configure_logging(service="t", production=True)\nget_logger().info("last words")\n'
    done = run(PREPARE + code + "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)")
    assert done.returncode == -signal.SIGTERM
    assert events(done.stdout) == ["last words"]


def test_a_handler_of_sigterm_that_was_there_before_still_runs():
    code = """
signal.signal(signal.SIGTERM, lambda *args: (get_logger().info("handled"), sys.exit(7)))
configure_logging(service="t", production=True)
get_logger().info("before")
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = run(PREPARE + code)
    assert done.returncode == 7
    assert events(done.stdout) == ["before", "handled"]


def test_a_forked_child_writes_its_own_lines_and_not_its_parents():
    code = """
configure_logging(service="t", production=True)
get_logger().info("parent before")
if os.fork() == 0:
    get_logger().info("child")
    flush()
    os._exit(0)
os.wait()
get_logger().info("parent after")
"""
    assert sorted(events(run(PREPARE + code).stdout)) == ["child", "parent after", "parent before"]


def test_a_forked_child_has_a_thread_of_its_own():
    code = """
configure_logging(service="t", production=True)
get_logger().error("parent")
time.sleep(0.05)
if os.fork() == 0:
    get_logger().error("child")
    time.sleep(600)
os.wait()
"""
    command, environment = [sys.executable, "-c", PREPARE + code], {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    try:
        assert sorted(events(process.stdout.readline() + process.stdout.readline())) == ["child", "parent"]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("imports", ["before", "after"])
def test_under_gevent_a_full_pipe_does_not_stop_other_greenlets(imports):
    """Standard output is never read here until the greenlets are through; the exit then drains it."""
    patch = "from gevent import monkey; monkey.patch_all()\n"
    code = (patch + PREPARE) if imports == "before" else (PREPARE + patch)
    code += """
import gevent
configure_logging(service="t", production=True)
for number in range(2000):
    get_logger().error("x" * 200)
progress = []
gevent.joinall([gevent.spawn(lambda: (gevent.sleep(0.01), progress.append(1))) for _ in range(10)], timeout=30)
print(len(progress), file=sys.stderr, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().strip() == "10"
    output, _ = process.communicate()
    assert len(events(output)) == 2000
