"""Is what a user installs complete, and do its version, citation and changelog agree?"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

FLOORS = ("agents", "model", "runs")
CARRIED = {".py", ".toml", ".csv", ".mplstyle", ".html"}
SETUPTOOLS = 77  # the first that reads a licence as a plain expression


def shipped(repository: Path) -> set[str]:
    """What the checkout holds and a user needs, by its name inside the package."""
    return {
        f"nobid/{path.relative_to(repository).as_posix()}"
        for floor in FLOORS
        for path in (repository / floor).rglob("*")
        if path.is_file() and (path.suffix in CARRIED or path.name == "py.typed") and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="session")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names inside a wheel that was built from a copy of the checkout, without a network."""
    try:
        version = importlib.metadata.version("setuptools")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    if int(version.split(".")[0]) < SETUPTOOLS:
        pytest.skip(f"a wheel is built offline only with setuptools {SETUPTOOLS} or later here; found {version}")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for floor in FLOORS:
        shutil.copytree(repository / floor, source / floor, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (repository / name).exists():
            shutil.copy(repository / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    done = subprocess.run([*command, "-w", str(out), str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_module_scenario_and_table(wheel: set[str], repository: Path) -> None:
    missing = sorted(shipped(repository) - wheel)
    assert not missing, f"not in the wheel: {missing}"


def test_the_wheel_holds_nothing_but_the_package_and_its_metadata(wheel: set[str], repository: Path) -> None:
    extra = {name for name in wheel - shipped(repository) if ".dist-info/" not in name}
    assert not extra, f"nobody asked for: {sorted(extra)}"


def test_the_wheel_says_that_it_is_typed_and_carries_the_licence(wheel: set[str]) -> None:
    assert {f"nobid/{floor}/py.typed" for floor in FLOORS} <= wheel
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    assert any(name.endswith("entry_points.txt") for name in wheel)


def test_the_installed_package_holds_every_scenario_and_table_of_the_checkout(repository: Path) -> None:
    names = sorted(name for name in shipped(repository) if not name.endswith(".py"))
    assert any(name.endswith(".toml") for name in names)
    assert any(name.endswith(".csv") for name in names)
    for name in names:
        _, floor, *inside = name.split("/")
        file = importlib.resources.files(f"nobid.{floor}").joinpath(*inside)
        assert file.is_file(), f"{name} is not installed"
        assert file.read_bytes() == (repository / Path(name).relative_to("nobid")).read_bytes(), f"{name} is an old one"


def test_the_installed_modules_are_those_of_the_checkout(repository: Path) -> None:
    for name in sorted(name for name in shipped(repository) if name.endswith(".py")):
        _, floor, *inside = name.split("/")
        installed = importlib.resources.files(f"nobid.{floor}").joinpath(*inside)
        assert installed.is_file(), f"{name} is not installed: install again"
        assert installed.read_bytes() == (repository / floor / Path(*inside)).read_bytes(), f"{name}: install again"


def test_the_command_is_installed_and_explains_itself() -> None:
    command = Path(sysconfig.get_path("scripts")) / "nobid"
    assert command.exists(), "the console script nobid is not installed"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    for verb in ("run", "scenarios", "parameters"):
        assert verb in done.stdout


def declared(repository: Path) -> str:
    version = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert isinstance(version, str)
    return version


def test_the_installed_version_is_the_declared_one(repository: Path) -> None:
    assert importlib.metadata.version("nobid") == declared(repository)


def test_the_citation_gives_the_version_and_its_date(repository: Path) -> None:
    lines = (repository / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    citation = dict(line.split(": ", maxsplit=1) for line in lines if re.match(r"[a-z-]+: ", line))
    for key in ("cff-version", "message", "title", "type", "license", "date-released"):
        assert key in citation, f"CITATION.cff has no {key}"
    assert "authors:" in lines
    assert citation["version"] == declared(repository)
    newest = re.search(
        r"^## \[(.+?)\] - (\S+)$", (repository / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert newest is not None, "CHANGELOG.md has no dated version"
    assert newest.groups() == (declared(repository), citation["date-released"])
