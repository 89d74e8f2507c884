"""Libraries of others are served as they were published."""

import hashlib
import re

from django.conf import settings

VENDOR = settings.BASE_DIR / "static" / "vendor"
ROW = re.compile(r"\| (?P<name>\S+) \| (?P<version>\S+) \| .+ \| `(?P<sum>[0-9a-f]{64})` \|")


def test_every_vendored_file_is_the_one_that_its_table_names() -> None:
    rows = list(ROW.finditer((VENDOR / "README.md").read_text(encoding="utf-8")))
    listed = {f"{row['name']}-{row['version']}": row for row in rows}
    assert listed
    assert {path.name for path in VENDOR.iterdir() if path.is_dir()} == set(listed)
    for folder, row in listed.items():
        script = VENDOR / folder / f"{row['name']}.min.js"
        assert hashlib.sha256(script.read_bytes()).hexdigest() == row["sum"], folder
        assert (VENDOR / folder / "LICENSE").read_text(encoding="utf-8").strip()
        assert {path.name for path in (VENDOR / folder).iterdir()} == {script.name, "LICENSE"}
