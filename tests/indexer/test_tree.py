"""The watcher: whatever happens in the log tree is told, or its loss is."""

import errno
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from inotify_simple import INotify

from wsgi_app.indexer import place
from wsgi_app.indexer.tree import Changes, Tree
from wsgi_app.model import LogAddress

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty log tree."""
    path = tmp_path / "recipes"
    path.mkdir()
    return path


@pytest.fixture
def tree(root: Path) -> Iterator[Tree]:
    """A watched one."""
    made = Tree(root)
    yield made
    made.close()


def collect(tree: Tree, *, quiet: float = 0.3) -> Changes:
    """Poll until nothing has been told for a while."""
    total = Changes()
    last = time.monotonic()
    while time.monotonic() - last < quiet:
        changes = tree.poll(0.05)
        if changes.paths or changes.overflow:
            last = time.monotonic()
        total.paths |= changes.paths
        total.overflow = total.overflow or changes.overflow
        total.blind = changes.blind
    return total


def write(root: Path, path: str, content: bytes = b"x") -> None:
    """Write a log, making its directories."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def told(changes: Changes) -> set[str]:
    """Return the paths that were told."""
    return {f"{address.recipe}/{address.path}" for address in changes.paths}


LOGS = ["1/logs/a", "1/tasks/2/logs/b/c.log", "1/tasks/2/results/3/logs/ü", "9/logs/x y"]
NO_LOGS = [
    "1/logs/.hidden", "1/logs/.davfs.tmpAbC", "1/other/a", "1/tasks/02/logs/a", "1/tasks/2/a", "x/logs/a", "0/logs/a",
    "1/tasks/2/results/logs/a", "1/logs/a\\b", "1/logs/a\nb", "1/logs/.git/a",
    "1/logs/" + b"\xff".decode("utf-8", "surrogateescape"),
]  # fmt: skip


@pytest.mark.parametrize("path", LOGS)
def test_logs_have_addresses(path: str) -> None:
    """A path in the log URL space is a log's address, and leads back to the path."""
    address = place.address(path)
    assert address is not None
    assert f"{address.recipe}/{address.path}" == path


@pytest.mark.parametrize("path", NO_LOGS)
def test_nothing_else_has(path: str) -> None:
    """Other paths are no logs."""
    assert place.address(path) is None


def test_only_logs_are_told(root: Path, tree: Tree) -> None:
    """Files where no log may lie, and unfinished uploads, are passed over."""
    for path in LOGS + NO_LOGS:
        write(root, path)
    assert told(collect(tree)) == set(LOGS)


def test_a_rename_is_told(root: Path, tree: Tree) -> None:
    """mod_dav_fs writes a whole log aside and renames it."""
    write(root, "1/logs/.davfs.tmp1")
    collect(tree)
    (root / "1/logs/.davfs.tmp1").rename(root / "1/logs/a")
    assert told(collect(tree)) == {"1/logs/a"}


def test_what_is_there_is_told_when_armed(root: Path) -> None:
    """Of recipes that exist at start, those that are armed are told and watched, others cost nothing."""
    write(root, "1/tasks/2/logs/a")
    write(root, "7/logs/a")
    tree = Tree(root)
    tree.arm(1)
    tree.arm(99)
    assert told(collect(tree)) == {"1/tasks/2/logs/a"}
    write(root, "1/tasks/2/logs/b")
    write(root, "7/logs/b")
    write(root, "99/logs/new")
    assert told(collect(tree)) == {"1/tasks/2/logs/b", "99/logs/new"}
    tree.close()


def test_a_dropped_recipe_is_watched_no_longer(root: Path, tree: Tree) -> None:
    """Settled recipes give their watches back."""
    write(root, "1/tasks/2/logs/a")
    write(root, "2/logs/a")
    collect(tree)
    tree.drop(1)
    write(root, "1/tasks/2/logs/b")
    write(root, "2/logs/b")
    assert told(collect(tree)) == {"2/logs/b"}


def test_a_directory_that_comes_back_is_watched(root: Path, tree: Tree) -> None:
    """Removing and making a directory again does not blind the watcher."""
    write(root, "1/logs/sub/a")
    collect(tree)
    (root / "1/logs/sub/a").unlink()
    (root / "1/logs/sub").rmdir()
    write(root, "1/logs/sub/b")
    collect(tree)
    write(root, "1/logs/sub/c")
    assert told(collect(tree)) == {"1/logs/sub/c"}


def test_twenty_thousand_files_in_fresh_directories(root: Path, tree: Tree) -> None:
    """None of 20,000 logs is missed, half of them renamed into place, each 20 in a directory that was just made."""
    paths = [f"{1 + n // 2000}/tasks/{1 + n // 20}/logs/log{n}" for n in range(20_000)]

    def work(mine: list[str]) -> None:
        for number, path in enumerate(mine):
            if number % 2:
                write(root, path)
            else:
                upload = f"{path.rpartition('/')[0]}/.davfs.tmp-{Path(path).name}"
                write(root, upload)
                (root / upload).rename(root / path)

    threads = [threading.Thread(target=work, args=(paths[n::2],)) for n in range(2)]
    for thread in threads:
        thread.start()
    changes = collect(tree, quiet=1.0)
    for thread in threads:
        thread.join()
    changes.paths |= collect(tree).paths
    missed = set(paths) - told(changes)
    extra = told(changes) - set(paths)
    print(f"20000 files: missed={len(missed)} extra={len(extra)} overflow={changes.overflow}")
    assert (len(missed), len(extra)) == (0, 0)


def test_an_overflow_is_said_and_loses_nothing(root: Path, tree: Tree) -> None:
    """When the kernel drops events, everything is armed and told again."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    write(root, "1/logs/first")
    collect(tree)
    for number in range(limit // 2 + 10):
        write(root, f"1/logs/{number % 64}")
        write(root, f"1/logs/{64 + number % 64}")
    write(root, "1/tasks/5/logs/late")
    changes = collect(tree)
    assert changes.overflow
    assert told(changes) >= {"1/tasks/5/logs/late", "1/logs/first"}
    write(root, "1/tasks/5/logs/later")
    changes = collect(tree)
    assert (told(changes), changes.overflow) == ({"1/tasks/5/logs/later"}, False)


def test_the_watch_limit_is_loud_and_heals(
    root: Path, until: Until, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When the kernel watches no more directories, that is said; as soon as it does again, nothing is missing."""
    real = INotify.add_watch
    allowed = [2]

    def add_watch(self: INotify, path: Path, mask: int) -> int:
        if allowed[0] <= 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        allowed[0] -= 1
        return int(real(self, path, mask))

    monkeypatch.setattr("wsgi_app.indexer.tree.HEAL_SECONDS", 1.0)
    monkeypatch.setattr(INotify, "add_watch", add_watch)
    tree = Tree(root)
    write(root, "1/tasks/2/logs/a")
    changes = collect(tree)
    assert changes.blind
    assert told(changes) == {"1/tasks/2/logs/a"}
    assert caplog.text.count("max_user_watches") == 1
    write(root, "1/tasks/2/logs/unseen")
    allowed[0] = 1000
    seen: set[LogAddress] = set()

    def healed() -> bool:
        changes = tree.poll(0.05)
        seen.update(changes.paths)
        return not changes.blind

    until(healed)
    assert "1/tasks/2/logs/unseen" in told(Changes(seen | collect(tree).paths))
    write(root, "1/tasks/2/logs/b")
    assert told(collect(tree)) == {"1/tasks/2/logs/b"}
    tree.close()


def test_a_root_that_is_made_anew_is_watched_anew(tree: Tree, root: Path, until: Until) -> None:
    """Removed or put aside and made again, the tree is watched as before, and what was lost meanwhile is said."""
    tree.arm(1)
    write(root, "1/logs/a.log")
    until(lambda: "1/logs/a.log" in told(tree.poll(0.05)))
    for aside in (shutil.rmtree, lambda path: path.rename(path.with_name("aside"))):
        aside(root)
        collect(tree)
        write(root, "1/logs/b.log")
        changes = collect(tree)
        assert changes.overflow
        assert told(changes) == {"1/logs/b.log"}
        write(root, "1/logs/c.log")
        changes = collect(tree)
        assert (changes.overflow, told(changes)) == (False, {"1/logs/c.log"})
