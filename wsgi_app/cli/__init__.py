"""The `tackroom` command."""

import signal


def main() -> None:
    """Run the command. Ctrl-C while it is still being loaded ends it without a word."""
    before = signal.getsignal(signal.SIGINT)
    # who ignores it, as `nohup` and scripts do, goes on doing so
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from wsgi_app.cli.main import main as run

    signal.signal(signal.SIGINT, before)
    run()
