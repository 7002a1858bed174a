"""Environments of their own for what a bench compares with, so that the project doesn't depend on it."""

import hashlib
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from bench.report import skip


def python_with(*packages: str) -> str:
    """A Python that has these packages, made once in the temporary folder. Skips the bench without it."""
    name = hashlib.sha256(" ".join((sys.version, *packages)).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"easel-bench-{os.getuid()}-{name}"
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        if subprocess.run(command, check=False).returncode != 0:
            skip(f"{', '.join(packages)} can't be installed here")
        (folder / "done").touch()
    return str(python)
