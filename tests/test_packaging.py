"""The project's own files agree with each other: pins, ranges, imports, version, licence."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mmlab

CHECKOUT = Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
SLOW_TO_IMPORT = {"umap", "numba", "librosa", "gensim", "ipywidgets", "plotly", "anywidget"}
SLOW_TO_IMPORT |= {"transformers", "ray", "jscatter"}


def by_name(lines: list[str]) -> dict[str, Requirement]:
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def pin_lines() -> list[str]:
    lines = (CHECKOUT / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


RANGES = by_name(PROJECT["dependencies"])
EXTRAS = PROJECT["optional-dependencies"]
DEVELOPER = by_name(EXTRAS["dev"])
OPTIONAL = by_name([one for name in EXTRAS if name != "dev" for one in EXTRAS[name]])
PINS = by_name(pin_lines())


def imported_packages(folder: str) -> dict[str, Path]:
    """Top-level package -> a file that imports it, functions' own imports included."""
    found = {}
    for path in sorted((CHECKOUT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            found.update({name.split(".")[0]: path.relative_to(CHECKOUT) for name in names})
    own = {"mmlab", "tests", folder, *(path.stem for path in (CHECKOUT / folder).rglob("*.py"))}
    return {name: path for name, path in found.items() if name not in own | sys.stdlib_module_names}


def test_environment_yml_is_the_twin_of_requirements_txt():
    dependencies = yaml.safe_load((CHECKOUT / "environment.yml").read_text())["dependencies"]
    pip_lines = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    assert pip_lines == [*pin_lines(), "--editable ."]
    assert "pip" in dependencies


def test_environment_yml_has_a_python_that_the_project_allows():
    dependencies = yaml.safe_load((CHECKOUT / "environment.yml").read_text())["dependencies"]
    python = next(entry for entry in dependencies if str(entry).startswith("python="))
    allowed = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert allowed.contains(python.removeprefix("python="))


def test_each_dependency_has_a_range_and_a_pin():
    assert PINS.keys() == RANGES.keys()


@pytest.mark.parametrize("name", sorted(PINS))
def test_a_pin_is_exact_within_its_range_and_meant_for_the_same_machines(name):
    pins = list(PINS[name].specifier)
    assert [pin.operator for pin in pins] == ["=="]
    assert RANGES[name].specifier.contains(pins[0].version)
    assert str(PINS[name].marker) == str(RANGES[name].marker)


def test_tests_run_with_an_optional_package_of_the_range_that_is_promised():
    for name, wanted in OPTIONAL.items():
        (pin,) = DEVELOPER[name].specifier
        assert wanted.specifier.contains(pin.version)


def test_torch_is_the_first_pin():
    assert next(iter(PINS)) == "torch"


@pytest.mark.parametrize(
    ("folder", "declared"),
    [
        ("mmlab", RANGES | OPTIONAL),
        ("benchmarks", RANGES | DEVELOPER),
        ("tests", RANGES | DEVELOPER),
        ("tools", RANGES | DEVELOPER),
    ],
    ids=["mmlab", "benchmarks", "tests", "tools"],
)
def test_every_imported_package_is_declared(folder, declared):
    distributions = packages_distributions()
    undeclared = {
        name: str(path)
        for name, path in imported_packages(folder).items()
        if not {canonicalize_name(one) for one in distributions.get(name, [name])} & set(declared)
    }
    assert not undeclared, "add the package to pyproject.toml, requirements.txt, environment.yml"


@pytest.mark.parametrize("folder", ["mmlab", "benchmarks", "tests", "tools"])
def test_nothing_needs_torchvision_or_torchaudio(folder):
    assert not {"torchvision", "torchaudio"} & set(imported_packages(folder))


def test_the_version_stands_in_one_place():
    assert "version" in PROJECT["dynamic"]
    assert "version" not in PROJECT
    assert version("mmlab") == mmlab.__version__


def test_the_licence_is_there_and_named():
    assert (CHECKOUT / "LICENSE").read_text().startswith("MIT License\n")
    assert PROJECT["license"] == "MIT"
    assert PROJECT["license-files"] == ["LICENSE"]


def test_importing_mmlab_warns_of_nothing_and_loads_nothing_slow():
    program = "import sys, mmlab; print(*{name.split('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert not SLOW_TO_IMPORT & set(result.stdout.split())


def test_a_command_that_measures_nothing_loads_no_benchmark():
    program = "import sys, mmlab.cli; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = set(result.stdout.decode().split())
    assert not {"mmlab.bench", "torch._dynamo"} & loaded
