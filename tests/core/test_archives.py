"""Archives of commands: what is in them, that it runs what was sent, and that they are the same bytes everywhere."""

import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_app.core.archives import ended, packed
from wsgi_app.model import Recipe, Requires, Task
from wsgi_app.states import RecipeStatus, ResultValue, TaskStatus

TASK = Task(
    id=4, recipe=3, name="t", role=None, params={}, command=None, script=None, fetch=None, status=TaskStatus.WAITING,
    result=ResultValue.NEW, version=None, started=None, finished=None, closes=None,
)  # fmt: skip
RECIPE = Recipe(
    id=3, job=1, recipe_set=2, system="s", assigned=5.0, requires=Requires(), role=None, status=RecipeStatus.RUNNING,
    cancelling=False, settled=False, late=False, damaged=0, result=ResultValue.NEW, reason=None, watchdog=None,
    max_seconds=None, stop_on_fail=False, started=None, finished=None, closes=None, install_started=None,
    install_finished=None, postinstall_finished=None,
)  # fmt: skip
#: the shells that are /bin/sh elsewhere; here it is dash
SHELLS = tuple(shell for shell in ("bash", "busybox") if shutil.which(shell))

#: whatever JSON can carry to us and a program can be given: all but NUL and halves of surrogate pairs
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NAMES = WORDS.filter(lambda name: name != "" and "=" not in name)
NASTY = "'\"$(touch /tmp/x)`id`\\\n\r\t*?[~ \x01\x7f\u0081\u0088\u2028\U0001f4a9!"


def unpacked(task: Task, place: Path, recipe: Recipe = RECIPE) -> Path:
    """Unpack a task's archive and return where."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    subprocess.run(["tar", "-xzp", "-C", place], input=packed(recipe, task), check=True)
    return place


def run(place: Path, shell: str = "", **environ: str) -> "subprocess.CompletedProcess[bytes]":
    """Run what was unpacked, by itself or by a shell."""
    argv = ["./runtest.sh"] if not shell else [*({"busybox": ["busybox", "sh"]}.get(shell, [shell])), "runtest.sh"]
    env = {"PATH": "/usr/bin:/bin", **environ}
    return subprocess.run(argv, cwd=place, env=env, capture_output=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an archive is unpacked."""
    return tmp_path_factory.mktemp("archives") / "task"


@pytest.mark.parametrize("shell", ["", *SHELLS])
# each example is a process or two: how long those take is the machine's affair
@settings(deadline=None)
@given(words=st.lists(WORDS, max_size=4))
@example(words=["", "-n", "a=b", "--", NASTY, "x" * 5000])
def test_a_command_gets_the_words_that_were_sent(place: Path, shell: str, words: list[str]) -> None:
    """Whatever they hold, by any shell."""
    done = run(unpacked(evolve(TASK, command=("printf", "%s\\0", *words)), place), shell)
    assert (done.returncode, done.stderr) == (0, b"")
    # printf without words prints its format once
    assert done.stdout == b"".join(word.encode() + b"\0" for word in words or [""])


@settings(deadline=None)
@given(params=st.dictionaries(NAMES, WORDS, max_size=4))
@example(params={"-i": "1", "we.ird name": NASTY, "UID": "x", "PWD": "y", "IFS": "/", "here": "z", "\n'": ""})
def test_the_parameters_are_the_environment(place: Path, params: dict[str, str]) -> None:
    """Whatever their names and values are; what the harness has in its own environment stays."""
    done = run(unpacked(evolve(TASK, command=("/usr/bin/env", "-0"), params=params), place), KEPT="kept")
    found = dict(line.split(b"=", 1) for line in done.stdout.split(b"\0") if line)
    assert {name: found[name.encode()] for name in params} == {name: value.encode() for name, value in params.items()}
    assert found[b"KEPT"] == b"kept" or "KEPT" in params


@pytest.mark.parametrize(
    "script",
    [
        'printf \'%s|\' "$A" "$0"; exit 7',
        f"#!{sys.executable}\nimport os, sys\nprint(os.environ['A'], sys.argv[0], end='|')\nsys.exit(7)",
    ],
)
def test_a_script_is_run_by_what_it_names(place: Path, script: str) -> None:
    """By /bin/sh, or by what its first line names; with its parameters, and its status is the task's."""
    where = unpacked(evolve(TASK, script=script, params={"A": "a b"}), place)
    done = run(where)
    assert done.returncode == 7, done
    assert done.stdout.replace(b"|", b" ") == f"a b {where}/script ".encode()


def test_an_archive_has_what_restraint_reads(place: Path) -> None:
    """A description that names the program and how long it may take; nothing of the controller's in the heads."""
    task = evolve(TASK, name=" a\\b\n[restraint]\nentry_point=evil\t", script="x")
    with tarfile.open(fileobj=io.BytesIO(packed(evolve(RECIPE, max_seconds=77), task))) as archive:
        members = archive.getmembers()
    assert [(one.name, oct(one.mode)) for one in members] == [
        ("metadata", "0o644"),
        ("runtest.sh", "0o755"),
        ("script", "0o755"),
        ("work", "0o755"),
    ]
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname) for one in members} == {(0, 0, 0, "", "")}
    where = unpacked(task, place, evolve(RECIPE, max_seconds=77))
    assert (where / "metadata").read_text() == (
        "[General]\nname=\\sa\\\\b\\n[restraint]\\nentry_point=evil\\t\n"
        "[restraint]\nentry_point=./runtest.sh\nmax_time=77s\n"
    )
    assert "max_time=86400s\n" in (unpacked(task, place) / "metadata").read_text()


def test_a_command_runs_in_an_empty_directory(place: Path) -> None:
    """As with our own harness."""
    where = unpacked(evolve(TASK, command=("sh", "-c", "pwd; ls -A; umask")), place)
    assert run(where).stdout.splitlines()[:1] == [f"{where}/work".encode()]
    assert run(where).stdout.count(b"\n") == 2


@pytest.mark.parametrize("shell", ["", *SHELLS])
def test_a_program_may_have_an_equals_sign(place: Path, shell: str) -> None:
    """It is no variable."""
    where = unpacked(evolve(TASK, command=("./a=b", "c=d"), params={"we.ird": "x"}), place)
    program = where / "work" / "a=b"
    program.write_text("#!/bin/sh\necho $1; env | grep -a ^we; exit 3\n")
    program.chmod(stat.S_IRWXU)
    done = run(where, shell)
    assert (done.returncode, done.stdout.splitlines()[0]) == (3, b"c=d")


@pytest.mark.parametrize(("command", "status"), [(("no-such-program",), 127), (("/etc",), 126), (("false",), 1)])
def test_what_cannot_be_run_fails(place: Path, command: tuple[str, ...], status: int) -> None:
    """By the shell's own statuses, which restraint reports as Fail."""
    assert run(unpacked(evolve(TASK, command=command), place)).returncode == status


@pytest.mark.parametrize("shell", ["", *SHELLS])
@pytest.mark.parametrize(
    ("status", "whose"),
    [(RecipeStatus.RUNNING, "task"), (RecipeStatus.ABORTED, "recipe"), (RecipeStatus.CANCELLED, "recipe")],
)
def test_what_has_ended_says_so(place: Path, shell: str, status: RecipeStatus, whose: str) -> None:
    """Its program is through at once, and has nothing of what was to be run; it is named as it was."""
    task = evolve(TASK, script="touch ran", params={"A": NASTY}, status=TaskStatus.ABORTED)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    content = ended(evolve(RECIPE, status=status), task)
    subprocess.run(["tar", "-xzp", "-C", place], input=content, check=True)
    assert sorted(one.name for one in place.iterdir()) == ["metadata", "runtest.sh", "work"]
    done = run(place, shell)
    words = f"The {whose} has ended: there is nothing to run.\n".encode()
    assert (done.returncode, done.stdout, done.stderr) == (0, words, b"")
    assert b"ran" not in content.replace(b"restraint", b"")
    assert (place / "metadata").read_bytes() == (unpacked(evolve(TASK, script="x"), place) / "metadata").read_bytes()


PROGRAM = """
import hashlib, os, sys
os.umask(int(sys.argv[1], 8))
sys.path.insert(0, sys.argv[2])
sys.path.insert(0, sys.argv[3])
import test_archives as t
task = t.evolve(t.TASK, script="#!/bin/sh\\n" + "echo x\\n" * 40000, params={"B": "1", "A": "\u00e4"})
print(hashlib.sha256(t.packed(t.RECIPE, task)).hexdigest())
"""
#: of that archive; another one here is another archive to everyone who has fetched it before
DIGEST = "c517a24296e0c59ec64e2b567ebc51a25c4db3a3cf050554b291091549c43938"


def test_an_archive_is_the_same_bytes_everywhere() -> None:
    """In any process, by any clock, umask and locale; larger than one block of gzip's."""
    found = []
    root = Path(__file__).resolve().parents[2]
    for umask, environ in (("022", {"LANG": "C", "TZ": "UTC"}), ("077", {"LANG": "C.UTF-8", "TZ": "Asia/Tokyo"})):
        env = {**os.environ, "LC_ALL": environ["LANG"], "PYTHONHASHSEED": umask, **environ}
        argv = [sys.executable, "-c", PROGRAM, umask, str(Path(__file__).parent), str(root)]
        found.append(subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout.strip())
    assert found == [DIGEST, DIGEST]


def test_an_archive_is_gzip_to_gzip() -> None:
    """Its own program takes it whole, sum and length included."""
    done = subprocess.run(
        ["gzip", "-tv"], input=packed(RECIPE, evolve(TASK, script="x" * 200_000)), capture_output=True
    )
    assert (done.returncode, b"OK" in done.stderr) == (0, True), done


def test_the_digest_is_of_the_content() -> None:
    """Other words are another archive."""
    one, two = (hashlib.sha256(packed(RECIPE, evolve(TASK, command=("true", word)))).digest() for word in "ab")
    assert one != two
