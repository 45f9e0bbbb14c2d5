"""Installing a tool into an environment of its own, up to the package registry."""

import sys

import pytest

from thalutils.errors import ToolError, UsageError
from thalutils.files import project_root
from thalutils.process import tool_environment
from thalutils.segmenters import installed

# A Python whose venv has a pip that a test decides.
PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then echo {version}; exit; fi
if [ "$2" = venv ]; then
  mkdir -p "$4/bin"
  printf '#!/bin/sh\\necho "$@" > "%s/pip-was-told"\\n{pip}' "$4" > "$4/bin/python"
  chmod +x "$4/bin/python"
fi
"""


def fake_python(tmp_path, version: str = "3 11", pip: str = "exit 0"):
    path = tmp_path / "python"
    path.write_text(PYTHON.format(version=version, pip=pip))
    path.chmod(0o755)
    return str(path)


def test_pip_is_told_the_pinned_package(no_tools, tmp_path):
    python = fake_python(tmp_path, pip=f"touch {no_tools}/dbsegment/bin/DBSegment")
    folder = installed.install("dbsegment", python)
    assert folder == no_tools / "dbsegment"
    told = (folder / "pip-was-told").read_text().split()
    assert told[:3] == ["-m", "pip", "install"]
    assert told[-1] == "DBSegment==0.2.2"


def test_an_installation_that_fails_is_not_taken_for_one(no_tools, tmp_path):
    metadata = no_tools / "mindglide" / "lib" / "python3.11" / "site-packages" / "mindglide-1.3.0.dist-info"
    python = fake_python(tmp_path, pip=f"mkdir -p {metadata}; echo no space left; exit 1")
    with pytest.raises(ToolError, match=r"(?s)ended with code 1.*no space left"):
        installed.install("mindglide", python)
    assert metadata.exists()
    assert installed.installed_version(no_tools / "mindglide", "mindglide") is None


def test_a_package_without_its_program_is_told(no_tools, tmp_path):
    with pytest.raises(ToolError, match="without its program mindglide"):
        installed.install("mindglide", fake_python(tmp_path))


def test_a_python_without_wheels_is_refused_before_anything_is_made(no_tools, tmp_path):
    with pytest.raises(ToolError, match=r"samseg has wheels for Python 3\.10 or 3\.11, .* is 3\.13"):
        installed.install("samseg", fake_python(tmp_path, version="3 13"))
    assert not (no_tools / "samseg").exists()


def test_what_no_registry_brings_is_refused(no_tools):
    with pytest.raises(UsageError, match="no package registry brings it"):
        installed.install("freesurfer", sys.executable)


def test_versions_are_read_from_what_pip_left(tmp_path):
    place = tmp_path / "lib" / "python3.11" / "site-packages"
    (place / "DBSegment-0.2.2.dist-info").mkdir(parents=True)
    (place / "dbsegment_extra-9.dist-info").mkdir()
    assert installed.installed_version(tmp_path, "dbsegment") == "0.2.2"
    assert installed.installed_version(tmp_path, "samseg") is None


def test_the_recipe_of_samseg_is_the_one_that_make_uses():
    lock = (project_root(__file__) / "requirements-samseg.lock").read_text().split()
    assert set(installed.RECIPES["samseg"].packages) <= set(lock)


def test_environments_lie_where_the_user_says_else_among_their_data(tmp_path, monkeypatch):
    monkeypatch.setenv("THALUTILS_TOOLS", str(tmp_path / "mine"))
    assert tool_environment("samseg") == tmp_path / "mine" / "samseg"
    monkeypatch.delenv("THALUTILS_TOOLS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("THALUTILS_ROOT", str(tmp_path))  # no checkout
    assert tool_environment("samseg") == tmp_path / "data" / "thalutils" / "tools" / "samseg"
