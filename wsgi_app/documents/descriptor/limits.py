"""How large a descriptor and what is in it may be: bytes, unless something else is said."""

from wsgi_app.errors import BadDescriptor

#: a descriptor, together with the steps that it has fetched
MOST_BYTES = 4 * 1024 * 1024
#: commas, colons and opening brackets of all that, which are what takes time to read: these 30 ms, thrice that on a
#: busy machine
MOST_MARKS = 25_000
#: arrays and objects inside one another
DEEPEST = 100
#: tasks of one attempt at a test: its targets times its steps
MOST_TASKS = 20_000
#: reporters of runs, and of all of them: each says something after every run
MOST_REPORTERS = 100
#: seconds for fetching the steps of all tests
FETCH_SECONDS = 2.5

JOB_NAME = 64
TEST_NAME = 32
STEP_LABEL = 32
REPORTER_NAME = 32
#: ConTest has no bounds for these: ours are what a system's name may have, and what an index takes
TARGET_ID = 255
TAG = 255


class Budget:
    """What is left of the bytes and marks of one descriptor, with the steps that it has fetched."""

    def __init__(self) -> None:
        self._bytes = MOST_BYTES
        self._marks = MOST_MARKS

    def spend(self, *, size: int = 0, marks: int = 0) -> None:
        """Take some of it. Raises `BadDescriptor` when it is used up."""
        self._bytes -= size
        self._marks -= marks
        if self._bytes < 0:
            raise BadDescriptor(f"a job descriptor has at most {MOST_BYTES} bytes")
        if self._marks < 0:
            raise BadDescriptor(f"a job descriptor has at most {MOST_MARKS} commas, colons and brackets")


def check_length(text: str, what: str, most: int) -> None:
    """Raise `BadDescriptor` when a text has more bytes than it may."""
    length = len(text.encode())
    if length > most:
        raise BadDescriptor(f"{what} is too long: {length} > {most}")
