"""How much is measured: all of it, or a little of everything to see that the bench works."""

from typing import TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen
class Scale:
    """Of a run. Quick: small sizes, short times, nothing judged."""

    quick: bool = False

    def of(self, full: T, quick: T) -> T:
        """Return the size that this run has."""
        return quick if self.quick else full
