"""All that a server says on one connection to bytes that may be several requests, or none."""

import re
import socket
from contextlib import suppress

from attrs import frozen

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")


@frozen
class Said:
    """What came until the server hung up."""

    text: bytes
    #: whether it ended the connection within the time
    ended: bool

    @property
    def statuses(self) -> list[int]:
        """Of all answers, in order."""
        return [int(found) for found in _STATUS.findall(self.text)]


def exchange(port: int, *parts: bytes, seconds: float = 10, half: bool = True) -> Said:
    """Send these bytes, say that nothing more comes (`half`), and read all answers."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        # a refusal may come before all is sent
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
            if half:
                connection.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while block := connection.recv(65536):
                said += block
        except TimeoutError:
            return Said(said, False)
        except ConnectionError:
            pass
        return Said(said, True)
