"""scheduler.*: the calls of LAVA's first years, which scripts still make. Source: readers-lava.md section 6.2."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from wsgi_app.conditions import Condition
from wsgi_app.core.gateway import Gateway
from wsgi_app.core.selection import Listed, Selection, selection_of
from wsgi_app.errors import Invalid, NoSuchRecipe
from wsgi_app.protocols.lava import references, wire, words
from wsgi_app.protocols.lava.calls.jobs import Jobs
from wsgi_app.protocols.lava.configuration import event_socket
from wsgi_app.protocols.lava.endpoint import Client
from wsgi_app.protocols.lava.records import yaml_lines
from wsgi_app.protocols.rpc import ByteStream, Fault
from wsgi_app.protocols.rpc.methods import Functions

#: most rows of a list
LONGEST_LIST = 1000
_RECENT = 100
_UNSETTLED = Condition("settled", "exact", False)


class Legacy:
    """Calls that have newer ones for the same."""

    def __init__(self, gateway: Gateway, jobs: Jobs) -> None:
        self._gateway = gateway
        self._jobs = jobs

    def methods(self) -> Functions:
        """Return what can be called."""
        return {
            "scheduler.submit_job": self.submit_job,
            "scheduler.resubmit_job": self.resubmit_job,
            "scheduler.cancel_job": self.cancel_job,
            "scheduler.validate_yaml": self.validate_yaml,
            "scheduler.job_details": self.job_details,
            "scheduler.job_state": self.job_state,
            "scheduler.job_health": self.job_health,
            "scheduler.job_output": self.job_output,
            "scheduler.all_jobs": self.all_jobs,
            "scheduler.all_devices": self.all_devices,
            "scheduler.all_device_types": self.all_device_types,
            "scheduler.pending_jobs_by_device_type": self.pending_jobs_by_device_type,
            "scheduler.get_recent_jobs_for_device": self.get_recent_jobs_for_device,
            "scheduler.get_recent_jobs_for_device_type": self.get_recent_jobs_for_device_type,
            "scheduler.get_device_status": self.get_device_status,
            "scheduler.get_publisher_event_socket": self.get_publisher_event_socket,
        }

    def submit_job(self, client: Client, job_data: str) -> int | list[Any]:
        """Submit a job, as scheduler.jobs.submit does."""
        return self._jobs.submit(client, job_data)

    def resubmit_job(self, client: Client, job_id: int | str) -> int | list[Any]:
        """Submit a job once more, as scheduler.jobs.resubmit does."""
        return self._jobs.resubmit(client, job_id)

    def cancel_job(self, client: Client, job_id: int | str) -> bool:
        """Cancel a job, as scheduler.jobs.cancel does. Return true."""
        self._jobs.cancel(client, job_id)
        return True

    def validate_yaml(self, client: Client, yaml_data: str) -> bool:
        """Return true for a job that could be submitted; what is wrong with another is the fault."""
        wrong = self._jobs.validate(client, yaml_data)
        if wrong:
            where = f"{wrong['path']}: " if wrong["path"] else ""
            raise Fault(400, f"Invalid job definition: {where}{wrong['msg']}")
        return True

    def job_details(self, client: Client, job_id: int | str) -> dict[str, Any]:
        """Return all that is known of a job: one recipe; of several that an id means, the first."""
        submitted = self._gateway.selections.submitted(client.caller, references.parse(job_id))
        if not submitted.selection.parts:
            raise NoSuchRecipe("this job has no recipes yet")
        listed = submitted.selection.parts[0]
        job, shown = listed.job, wire.job_shown(selection_of(listed), job_id)
        text = submitted.document.text
        number = words.number(listed)
        return {
            "id": listed.recipe.id,
            "sub_id": number if isinstance(number, str) else "",
            "status": words.legacy_status(listed),
            "state": shown["state"],
            "health": shown["health"],
            "definition": text,
            "original_definition": text,
            "multinode_definition": text if listed.size > 1 else "",
            "description": job.name,
            "submitter_username": job.owner,
            "submitter_email": "",
            "submit_time": shown["submit_time"],
            "start_time": shown["start_time"],
            "end_time": shown["end_time"],
            "failure_comment": shown["failure_comment"],
            "error_type": shown["error_type"],
            "error_msg": shown["error_msg"],
            "absolute_url": f"{self._gateway.config.prefix}scheduler/job/{number}",
            "is_pipeline": True,
            "health_check": False,
            "priority": job.priority,
            "is_public": shown["visibility"] == "Public",
            "requested_device_type_id": listed.type,
            "actual_device_id": wire.device(listed),
        }

    def job_state(self, client: Client, job_id: int | str) -> dict[str, Any]:
        """Return the state of a job: job_id, job_state, and sub_id of one of several that run together."""
        found = self._gateway.selections.find(client.caller, references.parse(job_id))
        return {**_numbered(found), "job_state": words.state(found)}

    def job_health(self, client: Client, job_id: int | str) -> dict[str, Any]:
        """Return the health of a job: job_id, job_health, and sub_id of one of several that run together."""
        found = self._gateway.selections.find(client.caller, references.parse(job_id))
        return {**_numbered(found), "job_health": words.health(found)}

    def job_output(self, client: Client, job_id: int | str, offset: int = 0) -> ByteStream:
        """Return the log of a job as YAML, from byte `offset` on."""
        stream = self._gateway.records.read(client.caller, references.parse(job_id))
        text = _behind(yaml_lines(stream.records), max(0, offset))
        # what is passed over is read all the same
        return ByteStream(self._gateway.long_reads.share(text) if offset > 0 else text)

    def all_jobs(self, client: Client) -> list[Any]:
        """Return the jobs that are not Finished, newest first, at most 1000: id, description, status, device, type,
        sub_id.
        """
        return [
            [
                listed.recipe.id,
                listed.job.name,
                words.legacy_status(listed).lower(),
                wire.device(listed),
                listed.type,
                _sub_id(listed),
            ]
            for listed in self._gateway.listing.page(client.caller, [_UNSETTLED], limit=LONGEST_LIST)
        ]

    def all_devices(self, client: Client) -> list[Any]:
        """Return the devices: hostname, type, status, current job, true."""
        return [
            [
                machine.system.name,
                machine.system.type,
                wire.legacy_device_status(machine),
                wire.current_job(machine),
                True,
            ]
            for machine in self._gateway.machines.all(client.caller)
        ]

    def all_device_types(self, client: Client) -> list[Any]:
        """Return the types, each with the numbers of its devices that are idle, busy and offline."""
        counts: dict[str, Counter[str]] = {}
        for machine in self._gateway.machines.all(client.caller):
            status = wire.legacy_device_status(machine)
            if machine.system.type is not None and status != "retired":
                kind = status if status in ("idle", "offline") else "busy"
                counts.setdefault(machine.system.type, Counter())[kind] += 1
        return [
            {"name": name, **{kind: counts[name][kind] for kind in ("idle", "busy", "offline")}}
            for name in sorted(counts)
        ]

    def pending_jobs_by_device_type(self, client: Client, show_all: bool = False) -> dict[str, int]:
        """Return how many jobs wait for a device of each type; with `show_all` types for which none waits, too."""
        found = self._gateway.listing.count_by_type(client.caller, [words.in_state(words.SUBMITTED)])
        return {name: number for name, number in found.items() if number or show_all}

    def get_recent_jobs_for_device(self, client: Client, device: str, count: int = 1) -> list[Any]:
        """Return the last jobs of a device, newest first, at most 100: id, description, status."""
        return [_recent(one) for one in self._gateway.listing.of_system(client.caller, device, limit=_limit(count))]

    def get_recent_jobs_for_device_type(
        self, client: Client, device_type: str, count: int = 1, restrict_to_user: bool = False
    ) -> list[Any]:
        """Return the last jobs of devices of a type, newest first, at most 100: id, description, status, device;
        only yours, if that is asked for.
        """
        if restrict_to_user and client.user is None:
            raise Invalid("whose jobs are yours, a token says")
        owner = client.user if restrict_to_user else None
        found = self._gateway.listing.of_type(client.caller, device_type, owner=owner, limit=_limit(count))
        return [{**_recent(listed), "device": wire.device(listed)} for listed in found]

    def get_device_status(self, client: Client, hostname: str) -> dict[str, Any]:
        """Return what a device does; who took it offline, and when, is not kept."""
        machine = self._gateway.machines.get(client.caller, hostname)
        return {
            "hostname": hostname,
            "status": wire.legacy_device_status(machine),
            "job": wire.current_job(machine),
            "offline_since": None,
            "offline_by": None,
            "is_pipeline": True,
        }

    def get_publisher_event_socket(self, client: Client) -> str:
        """Return where events are published by ZMQ: "", nowhere."""
        return event_socket(self._gateway.config)


def _limit(count: int) -> int:
    return max(0, min(count, _RECENT))


def _numbered(found: Selection) -> dict[str, Any]:
    if not found.parts:
        return {"job_id": found.job.id}
    listed = found.parts[0]
    return {"job_id": listed.recipe.id, **({"sub_id": _sub_id(listed)} if listed.size > 1 else {})}


def _sub_id(listed: Listed) -> str:
    number = words.number(listed)
    return number if isinstance(number, str) else ""


def _recent(listed: Listed) -> dict[str, Any]:
    return {
        "id": words.number(listed),
        "description": listed.job.name,
        "status": words.legacy_status(listed),
    }


def _behind(pieces: Iterable[bytes], offset: int) -> Iterator[bytes]:
    """Yield bytes without the first ones."""
    for piece in pieces:
        yield piece[offset:]
        offset = max(0, offset - len(piece))
