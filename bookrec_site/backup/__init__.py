"""The whole site in one file, and back: database, trained files, uploaded covers.

`making` writes a backup, `restoring` reads one; `archive` and `manifest` are its form, `postgres`
runs PostgreSQL's own programs. docs/backup.md says what is in it and what is not.
"""
