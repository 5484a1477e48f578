"""What LAVA calls configuration: the server's, and that with which a job ran on its device."""

import re
import socket
from typing import Any

import yaml

from wsgi_app.config import Config
from wsgi_app.core.machines import Machine
from wsgi_app.errors import NotFound

#: all addresses of a host: nobody can connect there
_ANY = re.compile(r"^tcp://(?:0\.0\.0\.0|\[::\]):")


def worker_name(config: Config) -> str:
    """Return what the one worker is called that has all devices: this lab."""
    return config.server_id or socket.gethostname()


def event_socket(config: Config) -> str:
    """Return where events are published by ZMQ, "" for nowhere; clients put the server's name for a star."""
    return _ANY.sub("tcp://*:", config.zmq_listen)


def master_config(config: Config) -> dict[str, Any]:
    """Return what clients may want to know of the settings."""
    return {
        "EVENT_SOCKET": event_socket(config),
        "EVENT_TOPIC": config.event_topic,
        "EVENT_NOTIFICATION": True,
        "LOG_SIZE_LIMIT": min(config.max_log >> 20, 2**31 - 1),
    }


def device_text(machine: Machine | None) -> str:
    """Return what is known of the device that a job was given, as YAML. Raises `NotFound` when it has none."""
    if machine is None:
        raise NotFound("the job has not started yet, or its device was removed")
    system = machine.system
    told = {"hostname": system.name, "device_type": system.type, "tags": list(system.tags)}
    return yaml.safe_dump(told, sort_keys=False)
