"""The document's code runs as it stands, and its table answers every row."""

import os
import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "degrade.md").read_text()


def test_the_first_lines_work_pasted_into_an_empty_project(tmp_path: Path) -> None:
    """Ten lines, one file, nothing else."""
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "shop.py").write_text(blocks[0])
    (tmp_path / "names.py").write_text(blocks[1])
    output = [
        subprocess.check_output(
            [sys.executable, name], cwd=tmp_path, text=True, env=dict(os.environ)
        )
        for name in ("shop.py", "names.py")
    ]
    assert output[0].startswith(
        "None (Degradation(kind='dependency', name='prices', why='OSError', by='value'"
    )
    assert output[1] == ""


def test_the_lines_of_the_readme_work_pasted_into_an_empty_project(tmp_path: Path) -> None:
    """The first door is the README."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "shop.py").write_text(block)
    output = subprocess.check_output([sys.executable, "shop.py"], cwd=tmp_path, text=True)
    assert output.startswith("None (Degradation(kind='dependency', name='prices'")


def test_every_row_has_an_answer() -> None:
    """Forty-one features of the peers, each answered."""
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 42))
    assert all(answer.strip() for _, _, answer in rows)
