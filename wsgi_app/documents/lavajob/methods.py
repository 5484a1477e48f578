"""Actions of LAVA that bring a system up, and those that no system here can do.

Deploying and booting mean nothing on a system that is already up: what LAVA knows of them is taken and passed over,
what it does not know is refused. Source: LAVA's public documentation of its job submission schema.
"""

from wsgi_app.core.excerpt import short
from wsgi_app.documents.lavajob.fields import Fields, Reading
from wsgi_app.errors import BadLavaJob


def _known(words: str) -> frozenset[str]:
    return frozenset(words.split())


_DEPLOY = _known(
    """
    avh docker download downloads fastboot flasher fvp iso-installer lxc mps musca nbd nfs overlay qdl recovery sata sd
    ssh tftp tmpfs u-boot-ums usb usbg-ms uuu vemsd
    """
)
_BOOT = _known(
    """
    avh barebox bootloader cmsis-dap depthcharge dfu docker fastboot fvp gdb grub grub-efi ipxe jlink kexec lxc minimal
    monitor musca new-connection nodebooter openocd pyocd qdl qemu qemu-iso qemu-nfs recovery schroot ser-ctl ssh u-boot
    uefi uefi-menu uuu
    """
)

#: what a test may ask for beside a shell, and why that is not to be had
NO_TESTS = {
    "docker": "the test is to run in a container of a dispatcher: there is none, tests run on the system itself",
    "interactive": "it talks to a bootloader or console: nothing here is connected to one",
    "monitors": "it watches a console for words: nothing here is connected to one",
    "services": "it needs containers of a dispatcher: there is none",
}
#: what a job may need beside its systems, and why that is not to be had
NO_PROTOCOLS = {
    "lava-lxc": "it needs a container of a dispatcher: there is none",
    "lava-vland": "nobody here changes the network between systems",
    "lava-xnbd": "nobody here serves block devices to systems",
}
COMMAND = "it runs a command of the system's own configuration in LAVA: there are none here"


def pass_over_deploy(fields: Fields, reading: Reading) -> None:
    """Note that nothing is deployed. Raises `BadLavaJob` when LAVA does not know where to."""
    to = fields.needed_text("to")
    if to.replace("_", "-") not in _DEPLOY:
        raise BadLavaJob(f"there is no such way to deploy: {short(to)!r}", path=fields.at("to"))
    reading.warn(fields.path, "nothing is deployed: tests run on the system as it is")


def pass_over_boot(fields: Fields, reading: Reading) -> None:
    """Note that nothing is booted. Raises `BadLavaJob` when LAVA does not know how to."""
    method = fields.needed_text("method")
    if method.replace("_", "-") not in _BOOT:
        raise BadLavaJob(f"there is no such way to boot: {short(method)!r}", path=fields.at("method"))
    reading.warn(fields.path, "nothing is booted: tests run on the system as it is")


def require_shell(fields: Fields) -> None:
    """Raise `BadLavaJob` when a test is more than a shell on its system."""
    for name, why in NO_TESTS.items():
        if name in fields:
            raise BadLavaJob(why, path=fields.at(name))
