"""What is kept of recipe documents, and for how long."""

from wsgi_app.core.shelf import Kept, Shelf

MEGABYTE = b"x" * 1_000_000


def test_each_format_apart() -> None:
    """A recipe's documents are kept by format, each with its version; a newer one takes the place of the older."""
    shelf = Shelf()
    assert shelf.take(3, "xml") is None
    assert shelf.put(3, "xml", 1, b"old") == Kept(1, b"old")
    shelf.put(3, "json", 1, b"json")
    shelf.put(3, "xml", 2, b"new")
    assert (shelf.take(3, "xml"), shelf.take(3, "json"), shelf.take(4, "xml")) == (
        Kept(2, b"new"),
        Kept(1, b"json"),
        None,
    )


def test_bounded() -> None:
    """What nobody asked for lately goes when it gets too much; what is too large by itself is not kept at all."""
    shelf = Shelf(3_500_000)
    for recipe in (1, 2, 3):
        shelf.put(recipe, "xml", 1, MEGABYTE)
    assert shelf.take(1, "xml") is not None
    shelf.put(4, "xml", 1, MEGABYTE)
    assert [recipe for recipe in range(1, 5) if shelf.take(recipe, "xml")] == [1, 3, 4]
    assert shelf.put(5, "xml", 1, 4 * MEGABYTE).body == 4 * MEGABYTE
    assert [recipe for recipe in range(1, 6) if shelf.take(recipe, "xml")] == [1, 3, 4]
    # what takes the place of something does not count twice
    for version in range(2, 10):
        shelf.put(4, "xml", version, MEGABYTE)
    assert [recipe for recipe in range(1, 6) if shelf.take(recipe, "xml")] == [1, 3, 4]
    # a larger version that is not kept leaves no older one behind
    shelf.put(4, "xml", 10, 4 * MEGABYTE)
    assert shelf.take(4, "xml") is None


def test_small_ones_are_not_for_nothing() -> None:
    """Ever so many small documents have a bound, too: each costs more than its bytes."""
    shelf = Shelf(100_000)
    for recipe in range(1000):
        shelf.put(recipe, "xml", 1, b"")
    assert 50 < sum(shelf.take(recipe, "xml") is not None for recipe in range(1000)) < 500
