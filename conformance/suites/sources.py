"""Fetches source distributions at pinned versions, and unpacks them."""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from conformance.suites.errors import SuiteError
from conformance.suites.suite import Source

BUILD: Final = Path(__file__).parents[2] / "build" / "suites"


def fetch(source: Source) -> Path:
    """Return the file of a source distribution, downloaded by pip unless it is there.

    Args:
        source: the distribution.

    Returns:
        The file in `BUILD`, whose hash has been compared.

    Raises:
        SuiteError: pip cannot download it, or it has another hash.

    Example:
        ``fetch(load("redis-py").source)``
    """
    file = BUILD / f"{source.name}.tar.gz"
    if not file.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
            requirements.write(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n")
            requirements.flush()
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            command += ["--no-deps", "--no-binary", ":all:", "--require-hashes", "--dest", str(BUILD)]
            # the words are the suite's own file's
            pip = subprocess.run(  # noqa: S603
                [*command, "--requirement", requirements.name], stderr=subprocess.PIPE, text=True, check=False
            )
        if pip.returncode or not file.exists():
            raise SuiteError(f"pip does not download {source.name}: {pip.stderr.strip()[-1000:]}")
    if hashlib.sha256(file.read_bytes()).hexdigest() != source.sha256:
        raise SuiteError(f"{file} is not the {source.name} that the list names: its hash is another")
    return file


def unpack(file: Path, folder: Path) -> None:
    """Unpack a source distribution into a folder, whose former content goes.

    Args:
        file: the distribution.
        folder: what becomes its root.
    """
    name = file.name.removesuffix(".tar.gz")
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as scratch, tarfile.open(file) as archive:
        archive.extractall(scratch, filter="data")
        Path(scratch, name).rename(folder)
    # packages ask for their own version, which is found where an installation would have put it
    metadata = folder / f"{name}.dist-info"
    metadata.mkdir()
    shutil.copy(folder / "PKG-INFO", metadata / "METADATA")


def remove(folder: Path, pattern: str) -> None:
    """Remove the files and folders that a glob names: pytest would import the conftest of one that it ignores.

    Raises:
        SuiteError: there are none.
    """
    found = list(folder.glob(pattern))
    if not found:
        raise SuiteError(f"{pattern} names nothing in {folder}")
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def write_port(folder: Path, written: int, port: int) -> None:
    """Put a server's port into all Python files of a folder, in the place of the one that is written there."""
    number = re.compile(rf"(?<!\d){written}(?!\d)")
    for path in folder.rglob("*.py"):
        text = path.read_text("utf-8")
        changed = number.sub(str(port), text)
        if changed != text:
            path.write_text(changed, "utf-8")
