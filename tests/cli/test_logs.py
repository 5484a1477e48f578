"""`tackroom log list|show|tail|grep`, against both fronts."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, running_lab, tackroom
from waiting import until

RANGE = 1024 * 1024

#: what a machine under test may send, and what is shown of it
HOSTILE = [
    (b"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\tand tab", "plain ä€😀\tand tab"),
    (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
    (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    (b"\x1bP$q\x1b\\", "\\x1bP$q\\x1b\\"),
    (b"\x9b31m raw C1", "\\x9b31m raw C1"),
    (b"\xc2\x9b31m C1 as UTF-8", "\\u009b31m C1 as UTF-8"),
    (b"\xc2\x85 next line", "\\u0085 next line"),
    (b"\x7f\x00\x08\x0b\x0c\x0e", "\\x7f\\x00\\x08\\x0b\\x0c\\x0e"),
    ("\u202egnp.exe\u2066 \u2069 \u200f".encode(), "\\u202egnp.exe\\u2066 \\u2069 \\u200f"),
    ("a\u2028b\u2029c\ufeffd\u200be".encode(), "a\\u2028b\\u2029c\\ufeffd\\u200be"),
    ("tag \U000e0041".encode(), "tag \\U000e0041"),
    (b"\xff\xfe no UTF-8 \xc3", "\\xff\\xfe no UTF-8 \\xc3"),
    (b"\xed\xa0\x80 surrogate", "\\xed\\xa0\\x80 surrogate"),
    (b"\xc0\xaf overlong", "\\xc0\\xaf overlong"),
    (b"10 %\r20 %\r", "10 %\\x0d20 %"),
    (b"over\rwritten", "over\\x0dwritten"),
    (b"serial console\r\r", "serial console"),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A Tackroom behind httpd."""
    with running_lab("apache") as made:
        yield made


@pytest.fixture(scope="module")
def embedded() -> Iterator[Lab]:
    """A Tackroom without httpd."""
    with running_lab("none") as made:
        yield made


class Running:
    """A recipe that runs, and takes logs."""

    def __init__(self, lab: Lab, system: str) -> None:
        self.lab = lab
        self.job = lab.job({"name": "t"}, system=system)
        self.id = self.job["recipe_sets"][0]["recipes"][0]["id"]
        self.task = self.job["recipe_sets"][0]["recipes"][0]["tasks"][0]["id"]
        self.key = lab.claim(system)["key"]

    def write(self, path: str, data: bytes) -> None:
        """Write a log whole, or in ranges when it is large."""
        for first in range(0, max(1, len(data)), RANGE):
            block = data[first : first + RANGE]
            headers = {"Content-Range": f"bytes {first}-{first + len(block) - 1}/*"} if first else {}
            answer = self.lab.call("PUT", f"/recipes/{self.id}/{path}", block, headers, key=self.key)
            assert answer.status in (201, 204), answer

    def finish(self) -> Any:
        """End the recipe, and return its job when it is settled."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for status in (b"Running", b"Completed"):
            place = f"/recipes/{self.id}/tasks/{self.task}/status"
            assert self.lab.call("POST", place, b"status=" + status, form, key=self.key).status == 204
        return self.lab.settled(self.job["id"])


@pytest.fixture
def recipe(lab: Lab, request: pytest.FixtureRequest) -> Running:
    """A recipe of the test's own, on a system of its own."""
    return Running(lab, re.sub(r"[^a-z0-9]", "-", request.node.name.lower()).strip("-")[:60])


def printed(lab: Lab, *words: str, status: int = 0) -> bytes:
    """Run the command and return what it prints, byte by byte."""
    environ = {**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token}
    done = subprocess.run([*tackroom(), *words], env=environ, capture_output=True, check=False, timeout=60)
    assert done.returncode == status, done
    return done.stdout


def test_show_makes_terminal_escapes_harmless(lab: Lab, recipe: Running) -> None:
    """What steers a terminal or misleads the eye is shown; --raw prints the bytes."""
    data = b"".join(line + b"\n" for line, _ in HOSTILE)
    recipe.write("logs/hostile.log", data)
    shown = printed(lab, "log", "show", str(recipe.id), "logs/hostile.log").decode()
    assert shown.split("\n") == [*(text for _, text in HOSTILE), ""]
    assert printed(lab, "log", "show", str(recipe.id), "logs/hostile.log", "--raw") == data
    assert printed(lab, "log", "tail", "-n", "99", str(recipe.id), "logs/hostile.log").decode() == shown


def test_characters_may_lie_across_ranges(lab: Lab, recipe: Running) -> None:
    """A character, and a line end, whose bytes come in two ranges are shown as they are."""
    text = "x" * (RANGE - 2) + "€\n" + "y" * (RANGE - 3) + "\r\nlast\r"
    assert text.encode()[RANGE - 2 : RANGE + 1] == "€".encode()
    assert text.encode()[2 * RANGE - 1 : 2 * RANGE + 1] == b"\r\n"
    recipe.write("logs/border.log", text.encode())
    shown = printed(lab, "log", "show", str(recipe.id), "logs/border.log").decode()
    assert shown == "x" * (RANGE - 2) + "€\n" + "y" * (RANGE - 3) + "\nlast\\x0d"


def test_names_of_logs_are_quoted(lab: Lab, recipe: Running) -> None:
    """A log's name may have characters that mean something in a URL, and a colon with a number at its end."""
    for name in ("logs/a b#c?d%41.log", "logs/run:3"):
        recipe.write(
            name.replace("%", "%25").replace("#", "%23").replace("?", "%3F").replace(" ", "%20"), b"one\ntwo\n"
        )
        assert printed(lab, "log", "show", str(recipe.id), name) == b"one\ntwo\n"
    assert b">      2  two" in printed(lab, "log", "show", str(recipe.id), "logs/run:3:2")


def test_show_a_line_as_results_name_it(lab: Lab, recipe: Running) -> None:
    """WHERE of a result can be pasted: the line is shown among its neighbours."""
    recipe.write(
        f"tasks/{recipe.task}/logs/out.tap", b"".join(b"ok %d\n" % n for n in range(1, 30)) + b"not ok 30 - x\n1..30\n"
    )
    recipe.finish()
    results = lab.call("GET", f"/recipes/{recipe.id}/results?limit=100").json["results"]
    [bad] = [one for one in results if one["result"] == "Fail"]
    where = f"recipes/{recipe.id}/{bad['log']}:{bad['line']}"
    lines = printed(lab, "log", "show", where).decode().splitlines()
    assert lines == [*(f"{n:8}  ok {n}" for n in range(25, 30)), ">     30  not ok 30 - x", "      31  1..30"]
    assert printed(lab, "log", "show", str(recipe.id), f"{bad['log']}:1").decode().splitlines()[0] == ">      1  ok 1"
    done = lab.command("log", "show", where.replace(":30", ":99"), check=False)
    assert (done.returncode, done.stderr.splitlines()[-1].endswith("has 31 lines")) == (1, True)


#: what a log may be, and how many of its last lines are asked for
TAILS = [
    (b"", 3),
    (b"one", 1),
    (b"one\ntwo\nthree\n", 0),
    (b"one\ntwo\nthree\n", 2),
    (b"one\n\n\n", 2),
    (b"no end\nof the last", 1),
    (b"few\nlines\n", 1000),
    (b"\n".join(b"%d " % n + b"x" * 30_000 for n in range(100)) + b"\n", 10),
    (b"y" * (RANGE + 10) + b"\nshort\n" + b"z" * (2 * RANGE), 2),
]


def require_tail(recipe: Running, data: bytes, lines: int) -> None:
    """`log tail` prints of this log what tail(1) does."""
    recipe.write("logs/t.log", data)
    wanted = subprocess.run(["tail", "-n", str(lines)], input=data, capture_output=True, check=True).stdout
    assert printed(recipe.lab, "log", "tail", "-n", str(lines), str(recipe.id), "logs/t.log", "--raw") == wanted


def test_tail(recipe: Running) -> None:
    """It prints the last lines, however long they are, as tail(1) does."""
    for data, lines in TAILS:
        require_tail(recipe, data, lines)


def test_tail_without_httpd(embedded: Lab) -> None:
    """The same without httpd: its answers to ranges are the same."""
    recipe = Running(embedded, "tails")
    for data, lines in (TAILS[0], TAILS[3], TAILS[8]):
        require_tail(recipe, data, lines)


def test_what_is_not_there(lab: Lab, recipe: Running) -> None:
    """A log that nobody has written is refused with a sentence that says where to look; bad words are wrong use."""
    done = lab.command("log", "show", str(recipe.id), "logs/none.log", check=False)
    assert done.returncode == 4
    assert f"there is no log recipes/{recipe.id}/logs/none.log: 'tackroom log list {recipe.id}'" in done.stderr
    for words in (["none.log"], ["logs/none.log", "more"], [], ["x"]):
        assert lab.command("log", "show", "5", *words, check=False).returncode == 2
    assert lab.command("log", "list", check=False).returncode == 2


def test_list(lab: Lab, recipe: Running) -> None:
    """Logs with their size, state, lines, format and marks; of a recipe and of a whole job; as JSON all of it."""
    recipe.write("logs/console.log", b"boot\n" + b"\0" * 20_000 + b"\nmore\n")
    recipe.write(f"tasks/{recipe.task}/logs/x\x7f.tap".replace("\x7f", ""), b"TAP version 14\n1..1\nok 1\n")
    rows = printed(lab, "log", "list", str(recipe.id)).decode().splitlines()
    assert rows[0].split() == ["PATH", "SIZE", "STATE", "LINES", "FORMAT", "DECLARED", "MARKS"]
    assert re.fullmatch(r"logs/console.log +19\.5 KiB +growing", rows[2])
    recipe.finish()
    rows = printed(lab, "log", "list", str(recipe.id)).decode().splitlines()
    assert re.fullmatch(r"logs/console.log +19\.5 KiB +finished +3 +(console)? +1 hole", rows[2])
    assert re.fullmatch(rf"tasks/{recipe.task}/logs/x.tap +25 B +finished +3 +tap", rows[3])
    found = json.loads(printed(lab, "log", "list", str(recipe.id), "--json"))
    assert [(one["recipe"], one["path"], one["state"]) for one in found] == [
        (recipe.id, "logs/console.log", "finished"),
        (recipe.id, f"tasks/{recipe.task}/logs/x.tap", "finished"),
    ]
    rows = printed(lab, "log", "list", "--job", str(recipe.job["id"])).decode().splitlines()
    assert [row.split()[0] for row in rows[2:]] == [f"recipes/{one['recipe']}/{one['path']}" for one in found]


@pytest.fixture
def followed(lab: Lab, recipe: Running) -> Iterator["subprocess.Popen[bytes]"]:
    """`log tail -f` of a log that is not there yet."""
    environ = {**lab.environment(), "TACKROOM_URL": lab.url, "TACKROOM_TOKEN": lab.token}
    words = ["log", "tail", "-f", str(recipe.id), "logs/f.log"]
    process = subprocess.Popen(
        [*tackroom(), *words], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    with process:
        yield process
        process.kill()


def line_of(process: "subprocess.Popen[bytes]") -> bytes:
    """Return the next line that the command prints."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_following_survives_a_restart_and_sees_replacements(
    lab: Lab, recipe: Running, followed: "subprocess.Popen[bytes]"
) -> None:
    """A server that is away for a moment is waited for; a log that is replaced is printed anew; the end ends it."""
    recipe.write("logs/f.log", b"one\ntwo\n")
    assert (line_of(followed), line_of(followed)) == (b"one\n", b"two\n")
    lab.stop()
    assert followed.poll() is None
    lab.start()
    recipe.write("logs/f.log", b"new\n")
    assert line_of(followed) == b"new\n"
    recipe.write("logs/f.log", b"new\nand more\n")
    assert line_of(followed) == b"and more\n"
    recipe.finish()
    rest, said = followed.communicate(timeout=30)
    assert (rest, followed.returncode) == (b"", 0)
    assert b"has been replaced" in said
    assert b"Traceback" not in said


def test_following_ends_when_the_log_never_came(recipe: Running, followed: "subprocess.Popen[bytes]") -> None:
    """A recipe that is settled without the log: refused, with a sentence."""
    recipe.finish()
    rest, said = followed.communicate(timeout=30)
    assert (rest, followed.returncode) == (b"", 4)
    assert said.startswith(b"tackroom: there is no log ")


GREPPED = (
    b"".join(b"%d %s\r\n" % (n, b"call TRACE: x.y" if n % 7 == 0 else b"a line \x1b[1m \xff") for n in range(1, 60))
    + b"no end: trace"
)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-c", "-i"],
        ["-A", "2"],
        ["-B", "3"],
        ["-C", "4", "-i"],
    ],
    ids=" ".join,
)
def test_grep_prints_what_grep_prints(lab: Lab, recipe: Running, tmp_path: Path, options: list[str]) -> None:
    """Options, context and separators are those of grep(1)."""
    recipe.write("logs/g.log", GREPPED)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "g.log").write_bytes(GREPPED.replace(b"\r\n", b"\n"))
    words = ["grep", "-a", "-H", *([] if "-c" in options else ["-n"]), *options, "-E", "trace|2[0-9] a"]
    wanted = subprocess.run(
        [*words, "logs/g.log"], cwd=tmp_path, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C"}
    ).stdout
    assert printed(lab, "log", "grep", str(recipe.id), "trace|2[0-9] a", *options, "--raw") == wanted


def test_grep_over_all_logs(lab: Lab, recipe: Running) -> None:
    """Every log of the recipe is looked through, or those that are named; nothing found is exit status 1."""
    recipe.write("logs/a.log", b"needle one\n")
    recipe.write(f"tasks/{recipe.task}/logs/b.log", b"hay\n\x1b[1m needle.two\n")
    until(lambda: len(lab.call("GET", f"/recipes/{recipe.id}/log-index").json["logs"]) == 2, "both logs")
    number = str(recipe.id)
    second = f"tasks/{recipe.task}/logs/b.log:2:\\x1b[1m needle.two\n".encode()
    assert printed(lab, "log", "grep", number, "needle") == b"logs/a.log:1:needle one\n" + second
    assert printed(lab, "log", "grep", number, "needle", f"tasks/{recipe.task}/logs/b.log") == second
    assert printed(lab, "log", "grep", number, "-F", "needle.") == second
    assert printed(lab, "log", "grep", number, "-n", "^hay$") == f"tasks/{recipe.task}/logs/b.log:1:hay\n".encode()
    assert printed(lab, "log", "grep", number, "nowhere", status=1) == b""
    assert printed(lab, "log", "grep", number, "(", status=2) == b""
    assert printed(lab, "log", "grep", number, "x", "logs/none.log", status=4) == b""
    assert printed(lab, "log", "grep", number, "é\udcff", status=1) == b""


def test_lines_across_ranges(lab: Lab, recipe: Running) -> None:
    """A line that begins in one range and ends in the next is one line."""
    recipe.write("logs/l.log", b"x" * (RANGE - 3) + b"\nfirst half second half\nlast\n")
    assert printed(lab, "log", "grep", str(recipe.id), "half second", "logs/l.log") == (
        b"logs/l.log:2:first half second half\n"
    )


def test_another_character_set_gets_no_control_characters(lab: Lab, recipe: Running) -> None:
    """On a terminal of another character set a UTF-8 character does not become a control character."""
    # its second byte is CSI where characters have one byte
    recipe.write("logs/c.log", "Л and ä\n".encode())
    environ = {**lab.environment(), "TACKROOM_URL": lab.url, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    words = [*tackroom(), "log", "show", str(recipe.id), "logs/c.log"]
    done = subprocess.run(words, env=environ, capture_output=True, check=True)
    assert done.stdout == b"\\u041b and \xe4\n"


def test_a_reader_that_has_seen_enough(lab: Lab, recipe: Running) -> None:
    """A pipe that is closed ends the command without a word."""
    recipe.write("logs/p.log", b"line\n" * 500_000)
    words = " ".join([*tackroom(), "log", "show", str(recipe.id), "logs/p.log"])
    environ = {**lab.environment(), "TACKROOM_URL": lab.url}
    done = subprocess.run(["sh", "-c", f"{words} | head -n 1"], env=environ, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"line\n", b"")


def test_on_a_terminal(lab: Lab, recipe: Running) -> None:
    """On a real terminal nothing but text reaches it."""
    recipe.write("logs/tty.log", b"\x1b[2J\x1b]52;c;aGFjaw==\x07hello\r\n")
    ours, theirs = pty.openpty()
    try:
        environ = {**lab.environment(), "TACKROOM_URL": lab.url, "NO_COLOR": "1"}
        words = [*tackroom(), "log", "tail", str(recipe.id), "logs/tty.log"]
        subprocess.run(words, env=environ, stdout=theirs, stderr=theirs, check=True)
        assert os.read(ours, 4096) == b"\\x1b[2J\\x1b]52;c;aGFjaw==\\x07hello\r\n"
    finally:
        os.close(ours)
        os.close(theirs)
