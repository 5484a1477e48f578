"""Which systems fit which recipes, and a choice of one for each. Source: design.md section 6, What to run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen

from wsgi_app.model import Recipe, System
from wsgi_app.submitted import NewRecipe

_NOBODY: frozenset[int] = frozenset()


@frozen(cache_hash=True)
class Wish:
    """What a recipe asks for: recipes that ask for the same can change places."""

    system: str | None
    type: str | None
    tags: frozenset[str]


def wish_of(recipe: Recipe | NewRecipe) -> Wish:
    """Return what a recipe asks for."""
    return Wish(recipe.system, recipe.requires.type, frozenset(recipe.requires.tags))


def fits(recipe: Recipe, system: System) -> bool:
    """Return whether a system is what the recipe asks for, whatever it does at the moment."""
    if recipe.system not in (None, system.name):
        return False
    return recipe.requires.type in (None, system.type) and set(recipe.requires.tags) <= set(system.tags)


class Pool:
    """Systems by their places in a list, and which of them fit what: found once for all who ask for the same."""

    def __init__(self, systems: Iterable[System]) -> None:
        self.systems = tuple(systems)
        self._by_name = {system.name: frozenset((place,)) for place, system in enumerate(self.systems)}
        by_type: dict[str | None, set[int]] = defaultdict(set)
        by_tag: dict[str, set[int]] = defaultdict(set)
        for place, system in enumerate(self.systems):
            by_type[system.type].add(place)
            for tag in system.tags:
                by_tag[tag].add(place)
        self._by_type = {kind: frozenset(places) for kind, places in by_type.items()}
        self._by_tag = {tag: frozenset(places) for tag, places in by_tag.items()}
        self._all = frozenset(range(len(self.systems)))
        self._fitting: dict[Wish, frozenset[int]] = {}

    def places(self) -> frozenset[int]:
        """Return all places."""
        return self._all

    def fitting(self, wish: Wish) -> frozenset[int]:
        """Return the places of the systems that are what is asked for."""
        found = self._fitting.get(wish)
        if found is None:
            found = self._all if wish.system is None else self._by_name.get(wish.system, _NOBODY)
            if wish.type is not None:
                found &= self._by_type.get(wish.type, _NOBODY)
            for tag in wish.tags:
                found &= self._by_tag.get(tag, _NOBODY)
            self._fitting[wish] = found
        return found

    def may_suffice(self, recipes: Sequence[Recipe], among: AbstractSet[int]) -> bool:
        """Return False when these places cannot do for all recipes: too few, or too few for one wish."""
        if len(recipes) > len(among):
            return False
        return all(count <= len(self.fitting(wish) & among) for wish, count in Counter(map(wish_of, recipes)).items())


class Choice:
    """The choice of a system for as many wishes as possible.

    Augmenting paths of bipartite matching, from wish to wish: trying all choices takes for ever with a dozen systems.
    """

    def __init__(self, pool: Pool, wishes: Iterable[Wish], among: AbstractSet[int]) -> None:
        self._pool = pool
        self._lacking = Counter(wishes)
        self._wanted = self._lacking.total()
        #: which wish has the system at this place
        self._taker: dict[int, Wish] = {}
        self.extend(among)

    def extend(self, among: AbstractSet[int]) -> None:
        """Look among these places, too; what has been taken stays taken."""
        self._spare: dict[Wish, Iterator[int]] = {}
        self._hopeless: set[Wish] = set()
        self._among = among
        for wish in self._lacking:
            while self._lacking[wish] and wish not in self._hopeless and self._take_one_for(wish):
                self._lacking[wish] -= 1

    @property
    def complete(self) -> bool:
        """True when every wish has a system."""
        return len(self._taker) == self._wanted

    @property
    def taken(self) -> frozenset[int]:
        """The places of the systems that are chosen."""
        return frozenset(self._taker)

    def _take_one_for(self, first: Wish) -> bool:
        """Take one system more, moving others to other systems where that helps.

        Wishes from which no way leads to a system that is left are hopeless, and stay so whatever is taken later.
        """
        #: who wants the place that a wish would have to give up
        behind: dict[Wish, tuple[Wish, int]] = {}
        seen = {first}
        queue = [first]
        for wish in queue:
            spare = self._spare_for(wish)
            if spare is not None:
                self._move(wish, spare, behind)
                return True
            for place in self._pool.fitting(wish):
                taker = self._taker.get(place)
                if taker is not None and taker not in seen and taker not in self._hopeless:
                    seen.add(taker)
                    behind[taker] = wish, place
                    queue.append(taker)
        self._hopeless |= seen
        return False

    def _move(self, wish: Wish, place: int, behind: dict[Wish, tuple[Wish, int]]) -> None:
        """Give the place to the wish, and what that gives up for it to who wants it, and so on."""
        self._taker[place] = wish
        while wish in behind:
            wish, place = behind[wish]
            self._taker[place] = wish

    def _spare_for(self, wish: Wish) -> int | None:
        """Return a system that fits and nobody has."""
        if wish not in self._spare:
            self._spare[wish] = iter(sorted(self._pool.fitting(wish) & self._among))
        # what is taken stays taken: no need to look at a place twice
        return next((place for place in self._spare[wish] if place not in self._taker), None)


class Matching(Choice):
    """The choice of a system for as many recipes as possible."""

    def __init__(self, pool: Pool, recipes: Sequence[Recipe], among: AbstractSet[int]) -> None:
        super().__init__(pool, map(wish_of, recipes), among)
        self._recipes = recipes

    def chosen(self) -> dict[int, System]:
        """Return the systems that are chosen, by recipe id."""
        of_wish: dict[Wish, list[int]] = defaultdict(list)
        for place in sorted(self._taker, reverse=True):
            of_wish[self._taker[place]].append(place)
        by_recipe = ((recipe.id, of_wish.get(wish_of(recipe))) for recipe in self._recipes)
        return {number: self._pool.systems[places.pop()] for number, places in by_recipe if places}
