"""What LAVA's readers of events would have been told of a core, and whether that is what there is."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from attrs import define, field
from corelab import CoreLab

from wsgi_app.protocols.lava import wire, words
from wsgi_app.protocols.lava.events import Message, Messages

#: what a device may do after what
DEVICE_STEPS = {("Idle", "Reserved"), ("Reserved", "Running"), ("Reserved", "Idle"), ("Running", "Idle")}
_NAMES = {"device": "device", "testjob": "job", "worker": "hostname"}


@define
class Ears:
    """Everything that is told of a core; it is read whenever it is asked for, from where it was."""

    lab: CoreLab
    messages: Messages = field(init=False)
    reached: int = 0
    #: state and health that were told of each device, testjob and worker, in order
    told: dict[tuple[str, str], list[tuple[str, str]]] = field(factory=lambda: defaultdict(list), repr=False)
    heard: list[Message] = field(factory=list, repr=False)

    def __attrs_post_init__(self) -> None:
        """Begin."""
        self.messages = Messages(self.lab.gateway, self.lab.config)

    def hear(self) -> list[Message]:
        """Return what is new."""
        told = self.lab.gateway.feed.after(self.reached, 100_000)
        new = self.messages.of(told)
        self.reached = told[-1].event.id if told else self.reached
        self.heard += new
        for message in new:
            if message.topic_kind in _NAMES:
                name = message.data[_NAMES[message.topic_kind]]
                self.told[message.topic_kind, name].append((message.data["state"], message.data["health"]))
        return new

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the data of what was heard of a kind."""
        self.hear()
        return [dict(message.data) for message in self.heard if message.topic_kind == kind]

    def check(self) -> None:
        """Fail unless what was told last is what there is, and each thing was told as LAVA does, once."""
        self.hear()
        for machine in self.lab.gateway.machines.all(self.lab.admin):
            now = (wire.device_state(machine), words.DEVICE_HEALTHS[machine.system.health])
            assert self.told["device", machine.system.name][-1] == now
        for listed in self.lab.gateway.listing.page(self.lab.admin, limit=50):
            steps = self.told["testjob", str(words.number(listed))]
            assert steps[-1] == (words.state_of(listed), words.health_of(listed.recipe))
            assert steps[0][0] == words.SUBMITTED or listed.job.campaign
            places = [words.JOB_STATES.index(state) for state, _ in steps]
            assert places == sorted(set(places)), steps
            assert all((health == words.UNKNOWN) == (state != words.FINISHED) for state, health in steps)
        for (kind, name), steps in self.told.items():
            for before, after in pairwise(steps):
                assert before != after, (kind, name, steps)
                if kind == "device" and before[0] != after[0]:
                    assert (before[0], after[0]) in DEVICE_STEPS, (name, steps)
        names = [message.uuid for message in self.heard]
        assert len(set(names)) == len(names)
