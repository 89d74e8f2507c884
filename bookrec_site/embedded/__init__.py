"""The project's own PostgreSQL and Redis, for machines that have neither.

Whoever needs a server *uses* it (`usage.py`): the first user starts it, the last one stops it.
The server itself belongs to a *keeper* process (`keeper.py`), which restarts it when it dies and
outlives any single user. Settings read the addresses from here, so importing this costs nothing.
"""

from bookrec_site.embedded.commands import services_for_command
from bookrec_site.embedded.places import broker_url, database_url, redis_url

__all__ = ["broker_url", "database_url", "redis_url", "services_for_command"]
