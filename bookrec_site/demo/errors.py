"""Why a demo cannot run."""


class DemoError(Exception):
    """The demo ends; the message says why and what to do."""


class DemoStopped(Exception):
    """A signal ended the demo: Ctrl-C, a closed terminal, SIGTERM."""
