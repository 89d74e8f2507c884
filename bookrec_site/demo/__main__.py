"""`python -m bookrec_site.demo`."""

import sys

from bookrec_site.demo.run import main

sys.exit(main())
