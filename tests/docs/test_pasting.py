"""The test of the pages notices what is wrong with a page."""

import shutil

import pytest
from lab import Lab, reachable_directory
from pasting import BadMark, agrees, checkout, paste, read, working_in

PAGE = """\
# Title

```sh
number=4
```

```console
$ echo $number
4
$ cat <<END
> some
> words
> END
some
words
```

1. In a list:

   ```sh
   echo one
   echo two
   ```

<!-- not pasted: it takes an hour -->

```console
$ make everything
```

<!-- instead: echo little -->
```console
$ make much
```

<!-- file: a file -->
```json
{"a": 1}
```

```json
{}
```
"""


def test_read() -> None:
    """Commands, answers, files and marks are found; what is not pasted is left out."""
    page = read(PAGE)
    assert page.excuse is None
    assert [(step.command, step.shown) for step in page.steps] == [
        ("set -e\nnumber=4\nset +e", None),
        ("echo $number", "4"),
        ("cat <<END\nsome\nwords\nEND", "some\nwords"),
        ("set -e\necho one\necho two\nset +e", None),
        ("echo little", None),
        ("cat > 'a file' <<'END OF FILE'\n{\"a\": 1}\nEND OF FILE", ""),
    ]
    assert page.steps[1].line == 8


def test_machines() -> None:
    """Which machine a command is typed on holds until another is named."""
    one, other = "<!-- typed on: one -->\n```sh\nls\n```\n", "<!-- typed on: other -->\n"
    page = read(one + "```sh\nls\n```\n" + other + "<!-- instead: df -->\n```sh\nls\n```\n")
    assert [(step.machine, step.command) for step in page.steps][1:] == [
        ("one", "set -e\nls\nset +e"),
        ("other", "df"),
    ]
    assert page.machines == {"one", "other"}
    assert read(PAGE).machines == set()


@pytest.mark.parametrize(
    "text",
    [
        "<!-- typed on: -->",
        "<!-- not pasted: -->\n```sh\n```",
        "<!-- file: a -->\nwords",
        "<!-- given:\nsecretly\n-->",
        "```console\nanswer\n```",
    ],
)
def test_bad_marks(text: str) -> None:
    """A mark that says nothing, or stands before nothing, is a mistake."""
    with pytest.raises(BadMark):
        read(text)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("recipe 3 task 4: Running", "recipe 17 task 18: Running\n"),
        ("A  B\n-  ---\n1  x", "A    B\n---  ----\n100  x"),
        ("one\n...\nlast", "one\ntwo\nthree\nlast"),
        ("one\n...\nlast", "one\nlast"),
        (
            '{"recipe":54,"key":"F9WF-MtQSx4c4rHmR4dpu2vWPxRdr6CF8YwcKtdXFm4",...}',
            f'{{"recipe":1,"key":"{"k" * 43}","u":1}}',
        ),
        ("2026-11-22T11:56:21.376Z ok", "2027-01-02T03:04:05.006Z ok"),
        ("10", "10\n"),
    ],
)
def test_agrees(shown: str, said: str) -> None:
    """Ids, times, keys and widths may differ, and dots stand for anything."""
    assert agrees(shown, said)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("10", "11"),
        ("HTTP/1.1 201 CREATED", "HTTP/1.1 200 OK"),
        ("", "something"),
        ("one\ntwo", "one"),
        ("Pass", "Fail"),
        ("one ... three", "one\ntwo\nthree"),
    ],
)
def test_disagrees(shown: str, said: str) -> None:
    """Words, statuses and lines may not."""
    assert not agrees(shown, said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```console\n$ echo one\ntwo\n```", "the page shows"),
        ("```console\n$ false\n```", "left status 1"),
        ("```console\n$ false\n$ echo more\nmore\n```", "left status 1"),
        ("```sh\nfalse\necho more\n```", "ended the shell"),
        ("```console\n$ (exit 10)\n$ echo $?\n11\n```", "the page shows"),
    ],
)
def test_notices(text: str, words: str) -> None:
    """A command that fails or says something else fails the test."""
    with pytest.raises(AssertionError, match=words):
        _paste(text)


def test_good_page() -> None:
    """A page that is right passes: state is kept from block to block, and what it left running is ended."""
    _paste("```console\n$ (exit 10)\n$ echo $?\n10\n```\n```sh\nsleep 300 &\na=2\n```\n```console\n$ echo $a.\n2.\n```")


def _paste(text: str) -> None:
    lab = Lab(reachable_directory() / "data", "none")
    try:
        directory = checkout(lab, sources=())
        paste(read(text), lab)
        assert not list(working_in(directory))
    finally:
        shutil.rmtree(lab.data.parent)
