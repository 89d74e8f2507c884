"""The project: settings, addresses and processes; the only package that knows every app."""
