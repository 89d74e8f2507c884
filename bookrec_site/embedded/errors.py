"""What goes wrong with the embedded servers."""


class EmbeddedServiceError(RuntimeError):
    """A server of ours cannot be started; the message says why and what to do."""
