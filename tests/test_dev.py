"""dev.py makes the environment once, mends a broken one, and becomes the command. Its sets here are empty."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dev

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.timeout(60, method="thread")]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose requirements are empty, so that installing needs no network."""
    root = tmp_path / "checkout"
    (root / "requirements").mkdir(parents=True)
    for name in dev.SETS:
        (root / "requirements" / f"{name}.txt").write_text(f"# nothing for {name}\n")
    monkeypatch.setattr(dev, "ROOT", root)
    monkeypatch.setattr(dev, "REQUIREMENTS", root / "requirements")
    monkeypatch.delenv("EASEL_VENV", raising=False)
    return root


@pytest.fixture
def quick_installer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installer that has nothing to do, and does it at once."""
    monkeypatch.setattr(dev, "installers", lambda folder: iter([[sys.executable, "-c", "pass"]]))


@pytest.fixture
def installed_sets(monkeypatch: pytest.MonkeyPatch, quick_installer: None) -> list[str]:
    """The sets that were installed, in turn."""
    names: list[str] = []
    install = dev.install

    def install_and_note(folder: Path, name: str) -> None:
        names.append(name)
        install(folder, name)

    monkeypatch.setattr(dev, "install", install_and_note)
    return names


def test_a_first_run_makes_an_environment_that_runs(checkout: Path) -> None:
    python = dev.ensure_venv("base")

    prefix = subprocess.check_output([python, "-c", "import sys; print(sys.prefix)"], text=True)
    assert Path(prefix.strip()) == checkout / ".venv"


def test_a_second_run_installs_nothing(checkout: Path, installed_sets: list[str]) -> None:
    dev.ensure_venv("base")
    dev.ensure_venv("base")

    assert installed_sets == ["base"]


def test_a_wider_set_serves_a_narrower_command(checkout: Path, installed_sets: list[str]) -> None:
    dev.ensure_venv("dev")
    dev.ensure_venv("base")

    assert installed_sets == ["dev"]


def test_changed_requirements_are_installed_again(checkout: Path, installed_sets: list[str]) -> None:
    dev.ensure_venv("base")
    (checkout / "requirements" / "base.txt").write_text("# something new\n")
    dev.ensure_venv("base")

    assert installed_sets == ["base", "base"]


def test_an_interrupted_install_is_made_anew(checkout: Path, installed_sets: list[str]) -> None:
    dev.ensure_venv("base")
    (checkout / ".venv" / dev.STAMP).unlink()
    (checkout / ".venv" / dev.UNFINISHED).touch()
    (checkout / ".venv" / "half-written").touch()

    dev.ensure_venv("base")

    assert installed_sets == ["base", "base"]
    assert not (checkout / ".venv" / "half-written").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Path, quick_installer: None) -> None:
    python = Path(dev.ensure_venv("base"))
    python.unlink()

    dev.ensure_venv("base")

    assert os.access(python, os.X_OK)


def test_a_moved_checkout_gets_an_environment_of_its_own(
    checkout: Path, quick_installer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev.ensure_venv("base")
    moved = checkout.rename(checkout.with_name("moved"))
    monkeypatch.setattr(dev, "ROOT", moved)
    monkeypatch.setattr(dev, "REQUIREMENTS", moved / "requirements")

    dev.ensure_venv("base")

    assert dev.read_stamp(moved / ".venv")["folder"] == str(moved / ".venv")


def test_another_python_gets_a_folder_of_its_own(checkout: Path, quick_installer: None) -> None:
    dev.ensure_venv("base")
    config = checkout / ".venv" / "pyvenv.cfg"
    config.write_text(config.read_text().replace(f"= {sys.version_info.major}.", "= 2."))

    assert dev.venv_folder().name == f".venv-{sys.version_info.major}.{sys.version_info.minor}"


def test_a_folder_that_is_no_environment_is_not_deleted(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = checkout / "holiday"
    precious.mkdir()
    (precious / "picture.jpg").touch()
    monkeypatch.setenv("EASEL_VENV", str(precious))

    with pytest.raises(SystemExit, match="not a virtual environment"):
        dev.ensure_venv("base")

    assert (precious / "picture.jpg").exists()


def test_without_ensurepip_and_uv_the_systems_pip_installs(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "working_uv", lambda: None)
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda name: name == "pip" or None)

    (command,) = dev.installers(checkout / ".venv")

    assert command[:5] == [sys.executable, "-m", "pip", "--python", dev.python_in(checkout / ".venv")]


def test_with_nothing_to_install_with_it_names_the_package(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "working_uv", lambda: None)
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(SystemExit, match="apt install python3-venv"):
        dev.ensure_venv("base")


def test_services_named_in_the_env_file_are_given_their_clients(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in dev.SERVER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert dev.set_to_run_with() == "base"

    (checkout / ".env").write_text("#REDIS_URL=\nDATABASE_URL_FILE=secrets/database\n")

    assert dev.set_to_run_with() == "server"


def test_steps_after_a_failed_one_still_run(capsys: pytest.CaptureFixture[str]) -> None:
    code = dev.timed_steps([("first", lambda: 3), ("second", lambda: 0)])

    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[-2:]]
    assert code == 1
    assert rows == [["first", "FAILED"], ["second", "ok"]]


def test_sigterm_reaches_the_command_that_runs(tmp_path: Path) -> None:
    started = tmp_path / "started"
    child = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    runs = f"import dev, sys; sys.exit(dev.run(sys.executable, '-c', {child!r}) == -15 and 5)"
    process = subprocess.Popen([sys.executable, "-c", runs], cwd=Path(dev.__file__).parent)
    deadline = time.monotonic() + 20
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.02)

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=20) == 5


def test_an_old_python_still_gets_to_the_sentence_that_says_so() -> None:
    source = Path(dev.__file__).read_text(encoding="utf-8")

    # As Python 3.7 would read it: syntax that is newer would hide the sentence behind a SyntaxError.
    assert ast.parse(source, feature_version=(3, 7))
