#!/usr/bin/env python
"""Django's command line for Bookrec."""

import os
import sys

from environs import EnvError


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")
    from django.core.management import ManagementUtility

    from bookrec_site.embedded import services_for_command
    from bookrec_site.embedded.errors import EmbeddedServiceError

    try:
        with services_for_command(sys.argv):
            ManagementUtility(sys.argv).execute()
    except EnvError as error:
        sys.stderr.write(f"Configuration error: {error}\n")
        return 2
    except EmbeddedServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
