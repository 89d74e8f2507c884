"""An `environs.Env` that remembers what was asked of it, for docs/settings.md."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from environs import Env

# What a read without `default` has: the variable has to be set.
REQUIRED = object()
_PARSERS = ("str", "int", "float", "bool", "list", "path", "url", "dj_db_url", "dj_email_url")


@dataclass(frozen=True)
class Read:
    """How the code asks for a variable: nothing here depends on what it is set to."""

    parser: str
    default: Any
    validate: Any


class RecordingEnv(Env):
    """Reads like `Env`; `reads` has the first read of each variable that names a default."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: dict[str, Read] = {}


def _recording(parser: str) -> Callable[..., Any]:
    parse = getattr(Env, parser)

    def method(self: RecordingEnv, name: str, default: Any = REQUIRED, **kwargs: Any) -> Any:
        known = self.reads.get(name)
        if known is None or known.default is REQUIRED:
            self.reads[name] = Read(parser, default, kwargs.get("validate"))
        if default is not REQUIRED:
            kwargs["default"] = default
        return parse(self, name, **kwargs)

    return method


for _parser in _PARSERS:
    setattr(RecordingEnv, _parser, _recording(_parser))
