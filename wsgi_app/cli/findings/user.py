"""The user's side: the file of profiles, and the settings of this machine's Tackroom."""

from collections.abc import Iterator

import click

from wsgi_app.cli.findings.finding import Finding
from wsgi_app.cli.place import load_here
from wsgi_app.cli.profiles import load_profiles, profiles_file
from wsgi_app.errors import Invalid


def profiles() -> Iterator[Finding]:
    """Look at the file of profiles, and at the files of tokens that it names."""
    try:
        labs = load_profiles()
    except click.ClickException as error:
        yield Finding("profiles", error.message, f"mend {profiles_file()}")
        return
    if not labs.path.exists():
        yield Finding("profiles", f"there is no {labs.path}")
        return
    secret = [labs.path] if any(profile.token for profile in labs.labs.values()) else []
    for profile in labs.labs.values():
        if profile.token_file is not None and not profile.token_file.exists():
            yield Finding(
                "profiles",
                f"profile {profile.name}: {profile.token_file} is not there",
                "write its token there, or say token = in the profile",
            )
        elif profile.token_file is not None:
            secret.append(profile.token_file)
    open_ones = [path for path in secret if path.stat().st_mode & 0o077]
    for path in open_ones:
        yield Finding("profiles", f"others may read the token in {path}", f"chmod 600 {path}")
    if not open_ones:
        yield Finding("profiles", f"{labs.path}: {len(labs.labs)} labs")


def settings() -> Finding:
    """Look whether the settings can be read."""
    try:
        load_here()
    except Invalid as error:
        if isinstance(error.__context__, PermissionError):
            return Finding("settings", error.message, "run it as root, or as the user that runs Tackroom")
        return Finding("settings", error.message, "mend it where it was set; docs: reference, settings")
    return Finding("settings", "the settings can be read")
