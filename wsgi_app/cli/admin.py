"""`tackroom admin`: what an operator does to a lab controller, rather than with it."""

import click

from wsgi_app.cli.httpdconf import httpd_check, httpd_conf
from wsgi_app.cli.installfiles import install_files


@click.group(short_help="Prepare and provision lab controllers.")
def admin() -> None:
    """Prepare and provision lab controllers: their files and their configuration."""


admin.add_command(install_files)
admin.add_command(httpd_conf)
admin.add_command(httpd_check)
