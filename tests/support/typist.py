"""Pages as an operator uses them: their commands are pasted into shells of root's on booted machines."""

import itertools
from collections.abc import Iterator, Mapping

from attrs import evolve, frozen
from nspawn import Machine
from pasting import Pasted, Step, compare, typed

#: seconds that what a page has for one machine may take
SECONDS = 600


@frozen
class Typist:
    """Who pastes pages, and knows which machine is called what in them."""

    machines: Mapping[str, Machine]
    #: what is typed for what stands in the pages: addresses and ports that this machine does not have
    instead: Mapping[str, str]

    def paste(self, page: Pasted) -> None:
        """Type a page, in a new shell whenever the machine is another; fail where it does not do as shown."""
        for name, steps in self._shells(page):
            home = self.machines[name].tree / "root"
            (home / ".typed.sh").write_text(typed(steps))
            # not from standard input: what reads that would eat the rest of the page
            typing = f"timeout {SECONDS} bash .typed.sh < /dev/null > .typed.txt 2>&1"
            self.machines[name].run(typing, check=False, seconds=SECONDS + 10.0)
            said = (home / ".typed.txt").read_text(encoding="utf-8", errors="replace")
            try:
                compare(steps, said)
            except AssertionError as error:
                error.add_note(f"all that {name} said, at its end:\n{said[-6000:]}")
                raise

    def _shells(self, page: Pasted) -> Iterator[tuple[str, list[Step]]]:
        for name, steps in itertools.groupby(page.steps, lambda step: step.machine):
            assert name is not None, "a page for machines has commands before it says where they are typed"
            yield name, [evolve(step, command=self._adapted(step.command)) for step in steps]

    def _adapted(self, command: str) -> str:
        for shown, there in self.instead.items():
            command = command.replace(shown, there)
        return command
