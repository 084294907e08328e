"""A pytest plugin that writes down how each test ended, one JSON object a line: `--witness FILE`."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--witness", required=True, help="the file for the lines")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" or not report.passed:
        error = call.excinfo
        line = {
            "test": item.nodeid,
            "during": report.when,
            "outcome": report.outcome,
            "error": error.typename if error else "",
            "asserted": bool(error and error.errisinstance((AssertionError, pytest.fail.Exception))),
        }
        # Opened for each line: with xdist several processes write, and what was written stays when one is killed.
        with Path(item.config.getoption("witness")).open("a") as file:
            file.write(json.dumps(line) + "\n")
    return report
