"""What stops an import; each message is one sentence for the person who started it."""


class DatasetError(Exception):
    """The input cannot be used as it is; nothing was changed."""


class DownloadUnavailableError(DatasetError):
    """The address could not be reached or did not answer with the file."""


class ImportRunningError(DatasetError):
    """Another import holds the lock."""
