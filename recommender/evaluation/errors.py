"""What stops an evaluation; each message is one sentence for the person who started it."""


class EvaluationError(Exception):
    """A file or an option of the command line cannot be used."""
