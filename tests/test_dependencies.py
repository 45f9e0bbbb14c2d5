"""One list of dependencies and its other views: pyproject.toml, environment.yml, requirements.lock, imports."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE = REPOSITORY / "thalutils"
FROM_ELSEWHERE = {"samseg"}  # runs in an environment of its own, .tools/samseg


def by_name(lines: list[str]) -> dict[str, SpecifierSet]:
    found = [Requirement(line) for line in lines]
    names = [canonicalize_name(requirement.name) for requirement in found]
    assert len(set(names)) == len(names), "a package stands twice"
    return {name: requirement.specifier for name, requirement in zip(names, found, strict=True)}


def declared() -> dict[str, SpecifierSet]:
    return by_name(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"])


def pins() -> dict[str, SpecifierSet]:
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return by_name([line for line in lines if line.strip() and not line.startswith(("#", "--"))])


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_conda_and_pyproject_name_the_same():
    content = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    assert by_name(pip) == declared()


def test_conda_has_a_python_that_pyproject_allows():
    content = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    (python,) = [entry for entry in content["dependencies"] if str(entry).startswith("python=")]
    assert Version(python.split("=")[1]) in SpecifierSet(PROJECT["requires-python"])


@pytest.mark.parametrize("name", declared())
def test_the_lock_satisfies_pyproject(name):
    (pin,) = pins()[name]
    assert pin.operator == "=="
    assert declared()[name].contains(pin.version, prereleases=True)


def test_the_lock_pins_everything_to_one_version():
    for name, specifier in pins().items():
        assert [pin.operator for pin in specifier] == ["=="], name


def test_what_the_package_imports_is_declared():
    owners = packages_distributions()
    third_party = set()
    for path in PACKAGE.rglob("*.py"):
        third_party |= imports(path) - sys.stdlib_module_names - {"thalutils"} - FROM_ELSEWHERE
    known = by_name(PROJECT["dependencies"])
    for module in sorted(third_party):
        names = {canonicalize_name(name) for name in owners.get(module, [module])}
        assert names & set(known), f"{module} is imported and not declared in pyproject.toml"
