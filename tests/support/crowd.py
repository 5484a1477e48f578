"""A crowd of clients that hold connections, in a process of its own: it takes as many descriptors again as the server.

As a program: `crowd.py PORT IDLE HALF` opens so many connections that wait after an answer, and so many that stop in
the middle of a request's head; it says so in a line of JSON, and hangs up when its input ends.
"""

import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: connections from one address, of which there are many on the loopback
PER_ADDRESS = 1000
#: that come in one moment
TOGETHER = 100
REQUEST = b"GET /livez HTTP/1.1\r\nHost: lab\r\n\r\n"


@contextmanager
def crowd(port: int, idle: int, half: int) -> Iterator["subprocess.Popen[str]"]:
    """A crowd that comes now; its first line of output says how it was received."""
    with subprocess.Popen(
        [sys.executable, __file__, str(port), str(idle), str(half)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _connect(port: int, number: int) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(30)
    connection.bind((f"127.0.0.{2 + number // PER_ADDRESS}", 0))
    connection.connect(("127.0.0.1", port))
    return connection


def _come(port: int, idle: int, half: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    waiting: list[socket.socket] = []
    answered = 0
    # not all in one moment: while all its threads are busy, httpd ends connections that are idle
    while len(waiting) < idle:
        come = [_connect(port, len(waiting) + number) for number in range(min(TOGETHER, idle - len(waiting)))]
        for connection in come:
            connection.sendall(REQUEST)
        answered += sum(connection.recv(4096).startswith(b"HTTP/1.1 200 ") for connection in come)
        waiting += come
    stopped = [_connect(port, idle + number) for number in range(half)]
    for connection in stopped:
        connection.sendall(REQUEST[:-8])
    print(json.dumps({"answered": answered, "stopped": len(stopped)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _come(*map(int, sys.argv[1:]))
