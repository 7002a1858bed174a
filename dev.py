#!/usr/bin/env python3
"""Easel's one helper for people who work on it: `python3 dev.py up|test|check|bench|lock|manage …`.

It needs Python 3.11 or newer and nothing else. It makes a virtual environment in the checkout,
installs the pinned and hashed requirements into it once, and then becomes the command asked for.

Environment: `EASEL_VENV` names another folder for the virtual environment; `REQUIRE_ALL=1` makes a
test that lacks a service fail instead of being skipped; `DATABASE_URL` chooses the one database to
test on. `up` reads `PORT`, `DATA_DIR` and everything in `.env.example`.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the point is to say so on an older Python
    sys.exit(
        "Easel needs Python 3.11 or newer: `make run PYTHON=python3.11`. This is " + sys.version.split()[0]
    )

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements"
SETS = ("base", "server", "test", "dev")
"""Sets of requirements; each holds everything the ones before it hold."""
LOCKED_EXTRAS = {
    "base": (),
    "server": ("postgres", "redis", "s3"),
    "test": ("test",),
    "dev": ("dev",),
}
SERVER_VARIABLES = ("DATABASE_URL", "REDIS_URL", "AWS_STORAGE_BUCKET_NAME")
STAMP = "easel-installed.json"
UNFINISHED = "easel-unfinished"
NO_INSTALLER = """\
This Python has neither ensurepip nor pip, so nothing can be installed.
  Debian, Ubuntu:  apt install python3-venv
  macOS:           brew install python3
or install uv, and try again."""


# The virtual environment


def venv_folder() -> Path:
    """`EASEL_VENV`, else `.venv`, else `.venv-3.13` where `.venv` belongs to another Python."""
    given = os.environ.get("EASEL_VENV")
    if given:
        return Path(given).absolute()
    usual = ROOT / ".venv"
    owner = venv_version(usual)
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    return usual if owner in (None, ours) else ROOT / f".venv-{ours}"


def venv_version(folder: Path) -> str | None:
    """The "3.11" of the Python that made this environment; None when there is no readable one."""
    with contextlib.suppress(OSError):
        for line in (folder / "pyvenv.cfg").read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() in ("version", "version_info"):
                return ".".join(value.strip().split(".")[:2])
    return None


def python_in(folder: Path) -> str:
    return str(folder / "bin" / "python")


def ensure_venv(wanted: str) -> str:
    """Make an environment that holds the set `wanted`; its Python. Instant when nothing changed."""
    folder = venv_folder()
    with one_at_a_time():
        installed = read_stamp(folder)
        if is_current(folder, installed, wanted):
            return python_in(folder)
        known = installed.get("set", "")
        chosen = max(wanted, known if known in SETS else wanted, key=SETS.index)
        if not is_sound(folder):
            make_venv(folder)
        install(folder, chosen)
    return python_in(folder)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two commands started together take turns; the lock is on the folder, so it leaves no file."""
    handle = os.open(REQUIREMENTS, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_stamp(folder: Path) -> dict[str, str]:
    try:
        stamp = json.loads((folder / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def stamp_for(folder: Path, name: str) -> dict[str, str]:
    """What an environment with this set says of itself. A moved checkout or a new Python differs."""
    digest = hashlib.sha256((REQUIREMENTS / f"{name}.txt").read_bytes()).hexdigest()
    return {"set": name, "sha256": digest, "folder": str(folder), "python": sys.version}


def is_current(folder: Path, installed: Mapping[str, str], wanted: str) -> bool:
    name = installed.get("set", "")
    if name not in SETS or SETS.index(name) < SETS.index(wanted):
        return False
    return installed == stamp_for(folder, name) and os.access(python_in(folder), os.X_OK)


def is_sound(folder: Path) -> bool:
    """Whether to install over what is there. Not after an interrupted install, a move, or a new Python."""
    if (folder / UNFINISHED).exists() or not os.access(python_in(folder), os.X_OK):
        return False
    installed = read_stamp(folder)
    if installed and (installed.get("folder"), installed.get("python")) != (str(folder), sys.version):
        return False
    question = "import sys; print(sys.version + '|' + sys.prefix)"
    answer = subprocess.run([python_in(folder), "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == f"{sys.version}|{folder}"


def make_venv(folder: Path) -> None:
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists() and folder.name != ".venv":
            sys.exit(f"{folder} is not a virtual environment and not empty; choose another EASEL_VENV.")
        shutil.rmtree(folder)
    say(f"Making the virtual environment {folder.name} with Python {sys.version.split()[0]}")
    # Without pip first: Debian's Python has venv, but not always ensurepip, and uv needs no pip.
    made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=False)
    if made.returncode:
        sys.exit("The virtual environment could not be made. On Debian and Ubuntu: apt install python3-venv")


def install(folder: Path, name: str) -> None:
    """Install one pinned set, and only then say so in the stamp."""
    began = time.monotonic()
    requirements = str(REQUIREMENTS / f"{name}.txt")
    (folder / STAMP).unlink(missing_ok=True)
    (folder / UNFINISHED).touch()
    # uv trusts only its own certificates unless told otherwise (both names, for old and new versions).
    environment = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1", **os.environ}
    for installer in installers(folder):
        say(f"Installing requirements/{name}.txt with {'pip' if '-m' in installer else 'uv'}")
        command = [*installer, "--require-hashes", "-r", requirements]
        if subprocess.run(command, env=environment, check=False).returncode == 0:
            break
    else:
        sys.exit("The requirements could not be installed; the reason is above.")
    (folder / UNFINISHED).unlink()
    (folder / STAMP).write_text(json.dumps(stamp_for(folder, name), indent=1))
    say(f"Installed in {time.monotonic() - began:.0f} s")


def installers(folder: Path) -> Iterator[list[str]]:
    """Commands to try in turn: uv, the environment's own pip, the system's pip from outside."""
    python = python_in(folder)
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    uv = working_uv()
    if uv:
        yield [uv, "pip", "install", "--quiet", "--python", python]
    if importlib.util.find_spec("ensurepip"):
        made = subprocess.run([python, "-Im", "ensurepip", "--default-pip"], capture_output=True, check=False)
        if made.returncode == 0:
            yield [python, "-m", "pip", "install", *options]
            return
    if importlib.util.find_spec("pip"):
        yield [sys.executable, "-m", "pip", "--python", python, "install", *options]
    else:
        sys.exit(NO_INSTALLER)


def working_uv() -> str | None:
    """uv's path when it really runs: a version manager may leave a shim that does not."""
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "--version"], capture_output=True, check=False).returncode == 0:
        return uv
    return None


# Running


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def become(*command: str) -> None:
    """Replace this process, so that signals reach the command and its exit code is ours."""
    sys.stdout.flush()
    os.execv(command[0], command)


def run(*command: str, **environment: str) -> int:
    """Run to its end; its exit code. SIGTERM is passed on, Ctrl-C reaches it from the terminal."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def timed_steps(steps: Sequence[tuple[str, Callable[[], int]]]) -> int:
    """Run all, a failed one included; a table at the end; 1 when any failed."""
    rows = []
    for name, step in steps:
        print(f"\n── {name}", flush=True)
        began = time.monotonic()
        code = step()
        rows.append((name, code, time.monotonic() - began))
        if code in (-signal.SIGINT, -signal.SIGTERM, 130, 143):
            break
    width = max(len(name) for name, _, _ in rows)
    print()
    for name, code, seconds in rows:
        print(f"{name:<{width}}  {'ok' if code == 0 else 'FAILED':<6}  {seconds:6.1f} s")
    return int(any(code for _, code, _ in rows))


# Commands


def up(arguments: list[str]) -> None:
    become(ensure_venv(set_to_run_with()), str(ROOT / "manage.py"), "up", *arguments)


def manage(arguments: list[str]) -> None:
    become(ensure_venv(set_to_run_with()), str(ROOT / "manage.py"), *arguments)


def set_to_run_with() -> str:
    """`server` where a service is named, in the environment or in `.env`, since its client is then needed."""
    named = {name.removesuffix("_FILE") for name, value in os.environ.items() if value}
    with contextlib.suppress(OSError):
        lines = (ROOT / ".env").read_text(encoding="utf-8").splitlines()
        named |= {
            line.partition("=")[0].removeprefix("export ").strip().removesuffix("_FILE") for line in lines
        }
    return "server" if named.intersection(SERVER_VARIABLES) else "base"


EVERY_CORE = ("-n", "auto", "--maxprocesses=4", "--dist", "worksteal")
# Apart, as a browser's test leaves an event loop in its process, where others want none.
IN_TURN = (("-m", "not needs_chromium"), ("-m", "needs_chromium"))


def test(arguments: list[str]) -> int:
    """The suite on SQLite, and on PostgreSQL where one answers; or on the one that DATABASE_URL names."""
    python = ensure_venv("test")

    def pytest(**environment: str) -> int:
        # The whole suite on every core; a chosen part in one process, where a debugger works.
        if arguments:
            return run(python, "-m", "pytest", *arguments, **environment)
        codes = [run(python, "-m", "pytest", *EVERY_CORE, *part, **environment) for part in IN_TURN]
        return max(codes, key=abs)

    if os.environ.get("DATABASE_URL"):
        return pytest()
    found = subprocess.run(
        [python, "-m", "tests.services", "postgres"], cwd=ROOT, capture_output=True, text=True
    )
    postgres = found.stdout.strip()
    if not postgres:
        return pytest()
    return timed_steps(
        [
            ("tests on SQLite", pytest),
            ("tests on PostgreSQL", lambda: pytest(DATABASE_URL=postgres, AFTER_SQLITE="1")),
        ]
    )


def check(_: list[str]) -> int:
    python = ensure_venv("dev")
    with tempfile.TemporaryDirectory() as folder:
        commands: list[tuple[str, tuple[str, ...], dict[str, str]]] = [
            ("format", ("-m", "ruff", "format", "--check", "."), {}),
            ("lint", ("-m", "ruff", "check", "."), {}),
            ("types", ("-m", "mypy"), {"DATA_DIR": folder}),
            ("imports", ("-c", "from importlinter.cli import lint_imports_command as c; c()"), {}),
            ("migrations", ("manage.py", "makemigrations", "--check", "--dry-run"), {"DATA_DIR": folder}),
            ("templates", ("-m", "djlint", "templates", "--lint"), {}),
            ("deployment", ("manage.py", "check", "--deploy", "--fail-level", "WARNING"), production(folder)),
        ]

        def step(arguments: tuple[str, ...], environment: dict[str, str]) -> Callable[[], int]:
            return lambda: run(python, *arguments, **environment)

        return timed_steps([(name, step(words, environment)) for name, words, environment in commands])


def production(folder: str) -> dict[str, str]:
    """An environment like that of a server, for Django's deployment check."""
    return {
        "DATA_DIR": folder,
        "SECRET_KEY": hashlib.sha512(b"only for check --deploy").hexdigest(),
        "SITE_URL": "https://easel.example",
        "ALLOWED_HOSTS": "easel.example",
        "EMAIL_URL": "smtp+tls://easel:secret@mail.easel.example:587",
    }


def bench(arguments: list[str]) -> int:
    """Each `bench/bench_*.py`, or those whose name contains one of the words given."""
    python = ensure_venv("test")
    files = sorted((ROOT / "bench").glob("bench_*.py"))
    chosen = [file for file in files if not arguments or any(word in file.stem for word in arguments)]
    if not chosen:
        print("There is no benchmark of that name." if arguments else "There are no benchmarks yet.")
        return int(bool(arguments))

    def step(file: Path) -> Callable[[], int]:
        return lambda: run(python, str(file), PYTHONPATH=str(ROOT))

    return timed_steps([(file.stem, step(file)) for file in chosen])


def lock(arguments: list[str]) -> int:
    """Write the pinned sets anew from pyproject.toml; `--upgrade` takes newer versions. Needs uv."""
    uv = working_uv()
    if not uv:
        sys.exit("`lock` needs uv on the PATH.")
    options = [
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        # pip before 23.3 takes `coverage[toml]` for a package that is not pinned, where only `coverage` is.
        "--no-strip-extras",
        "--no-emit-index-url",
        "--quiet",
    ]
    named = ["--custom-compile-command", "python3 dev.py lock"]
    for name in reversed(SETS):
        extras = [word for extra in LOCKED_EXTRAS[name] for word in ("--extra", extra)]
        target = f"requirements/{name}.txt"
        # Every set follows the widest one, so that one version of a library serves them all.
        agreed = [] if name == "dev" else ["--constraint", "requirements/dev.txt"]
        if run(
            uv,
            "pip",
            "compile",
            "pyproject.toml",
            "-o",
            target,
            *options,
            *named,
            *extras,
            *agreed,
            *arguments,
        ):
            return 1
    return 0


COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "up": up,
    "test": test,
    "check": check,
    "bench": bench,
    "lock": lock,
    "manage": manage,
}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    os.chdir(ROOT)
    return COMMANDS[arguments[0]](arguments[1:]) or 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
