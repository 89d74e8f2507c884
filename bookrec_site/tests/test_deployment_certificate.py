"""The certificate that an operator puts down for nginx, as docs/deployment.md says."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from bookrec_site.tests.composed import PROJECT, TLS_FILE, Composition


def test_nginx_may_read_the_certificate_and_nobody_else(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give a file to somebody else")
    nginx = Composition.read(TLS_FILE).services["nginx"].definition
    assert "./deploy/tls:/etc/nginx/tls:ro" in nginx["volumes"]
    text = (PROJECT / "docs" / "deployment.md").read_text()
    commands = re.findall(r"^sudo (install .*)$", text, re.M)
    assert len(commands) == 3
    (tmp_path / "deploy").mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (tmp_path / name).write_text("of the certificate authority")
    for command in commands:
        subprocess.run(command.split(), cwd=tmp_path, check=True)

    def read_by(user: str) -> subprocess.CompletedProcess[str]:
        """Read both within the folder, which is what is mounted: its parents do not count."""
        return subprocess.run(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
            + ["cat", "certificate.pem", "key.pem"],
            cwd=tmp_path / "deploy" / "tls",
            capture_output=True,
            text=True,
        )

    user, _, _group = nginx["user"].partition(":")
    done = read_by(user)
    assert done.returncode == 0, done.stderr
    assert done.stdout == 2 * "of the certificate authority"
    assert read_by("12345").returncode != 0
