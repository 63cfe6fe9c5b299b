"""The README: its code runs, its links and pictures exist, its commands are real."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_links_and_pictures_exist():
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
    assert len(targets) > 15
    assert [target for target in targets if not (CHECKOUT / target).exists()] == []


def test_make_targets_exist():
    makefile = (CHECKOUT / "Makefile").read_text()
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"lab", "test", "notebooks"} <= named
    assert [one for one in named if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []


def test_results_are_filled_in():
    results = re.search(r"<!-- results: [^>]*-->\n(.*?)<!-- /results -->", README, re.DOTALL)
    assert results
    assert "| video+audio |" in results[1], "run make results"


@pytest.mark.slow
def test_the_example_runs(capsys):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code
    exec(compile(code[1], "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "clip_id" in printed
    assert "video+audio" in printed
