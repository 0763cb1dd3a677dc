"""The pytest plugin, used as its users do: small projects, run by a pytest of their own."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

DECLARED = """
import httpx
from outlast.client import Application, LastGood, NamePolicy, Resolver, Value
from outlast.client.adapters.httpx import OutlastTransport

app = Application("tiny", resolver=Resolver(policy=NamePolicy(without_tls=True, fresh_s=0.2, negative_s=0.1)))
prices = app.dependency(
    "prices", essential={essential}, hosts=("prices.example.org:8080",), protocol="http", timeout_s=1.5,
    fallbacks=({fallbacks}), because="{because}",
)

@prices.guard
def price(article: str) -> str:
    with httpx.Client(transport=OutlastTransport(app.resolver), timeout=4) as http:
        return http.get(f"http://{{prices.host}}/{{article}}").raise_for_status().text

@app.serves("show price", essential=True, wants=(prices,))
def show(article: str) -> str:
    return price(article)
"""

TESTS = """
import http.server, threading
import pytest
from shop import show, app

class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"42")
    def log_message(self, *_): pass

@pytest.fixture(scope="session")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[:2]
        server.shutdown()

@pytest.fixture
def outlast_routes(server):
    return {"prices.example.org": server}

@pytest.fixture
def outlast_warm():
    return lambda: show("warm")

@pytest.mark.outages
def test_shown(outage):
    assert show("warm")

@pytest.mark.outages
@pytest.mark.asyncio
async def test_unknown_is_shown(outage):
    assert show("unknown")
"""


def project(folder: Path, *, fallbacks: str, because: str = "", essential: bool = False) -> None:
    text = DECLARED.format(fallbacks=fallbacks, because=because, essential=essential)
    (folder / "shop.py").write_text(text)
    (folder / "test_shop.py").write_text(TESTS)
    (folder / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\noutlast_application = shop:app\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "outlast.pytest_plugin.plugin",
        "-p",
        "no:cacheprovider",
    ]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=clean,
    )


@pytest.mark.slow
def test_a_complete_rehearsal_is_green(tmp_path: Path) -> None:
    """Every fault met, both promises kept, nothing essential down: exit 0, and three reports."""
    project(tmp_path, fallbacks='LastGood(60), Value("soon")')
    result = run(tmp_path, "--outages", "--outage-report=report", "--junitxml=junit.xml", "-n", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 of 2 promises kept" in result.stdout
    table = json.loads((tmp_path / "report" / "coverage.json").read_text())
    words = {row["fault"]: row["functions"]["show price"] for row in table["rows"]}
    assert words["wipe"] == "full"
    assert words["refuse"] == words["5xx"] == words["blackhole"] == "degraded"
    assert len(words) == 12
    assert "untested" not in words.values()
    assert "Nothing essential was down" in (tmp_path / "report" / "coverage.html").read_text()
    properties = ET.parse(tmp_path / "junit.xml").iter("property")
    assert sum(one.get("name") == "outlast" for one in properties) == 24


@pytest.mark.slow
def test_an_essential_function_that_goes_down_fails_the_run(tmp_path: Path) -> None:
    """Even where the tests themselves look away, the exit code and the verdict say so."""
    project(tmp_path, fallbacks="", because="it is what we sell", essential=True)
    tests = (tmp_path / "test_shop.py").read_text()
    tests = tests.replace("import pytest\n", "import contextlib\nimport pytest\n", 1)
    tests = tests.replace("    assert show", "    with contextlib.suppress(Exception): show")
    (tmp_path / "test_shop.py").write_text(tests)
    shop = (tmp_path / "shop.py").read_text()
    (tmp_path / "shop.py").write_text(shop + "\nprices.because = ''\n")
    failed = run(tmp_path, "--outages", "-k", "refuse or healthy")
    assert failed.returncode == 1
    assert "4 passed" in failed.stdout
    assert "show price is essential and was down under prices: refuse" in failed.stdout
    assert "show price was not tested under prices: wipe" in failed.stdout


@pytest.mark.slow
def test_without_the_option_marked_tests_run_once_and_well(tmp_path: Path) -> None:
    """Plain pytest: one healthy run of each, no table."""
    project(tmp_path, fallbacks='LastGood(60), Value("soon")')
    result = run(tmp_path)
    assert result.returncode == 0, result.stdout
    assert "2 passed" in result.stdout
    assert "degradation coverage" not in result.stdout


@pytest.mark.slow
def test_a_wrong_place_is_said(tmp_path: Path) -> None:
    """An ini value that names no application is a usage error."""
    project(tmp_path, fallbacks='Value(""),')
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\noutlast_application = shop:show\n"
    )
    assert "no outlast.client.Application" in run(tmp_path, "--outages").stderr
