# SPDX-License-Identifier: MIT
"""The certificates, and the table at the end: a line per test, then "N passed, N failed, N skipped"."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import certs as certificates        # noqa: E402
import peers                        # noqa: E402

ROW = pytest.StashKey()
WORD = {"passed": "ok", "failed": "FAILED", "skipped": "skip"}
rows = []                           # (outcome, peer, case, figure)


class Row:
    """A test's line: set by calling it; the figure comes when it is known."""
    peer = case = figure = ""

    def __call__(self, peer, case):
        self.peer, self.case = peer, case
        return self


@pytest.fixture
def row(request):
    return request.node.stash.setdefault(ROW, Row())


@pytest.fixture(scope="session")
def certs():
    return certificates.make(peers.RUN / "certs")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" or (report.when == "setup" and not report.passed) or (report.when == "teardown" and report.failed):
        line = item.stash.get(ROW, Row())
        figure = line.figure
        if report.skipped:
            figure = report.longrepr[2].removeprefix("Skipped: ")
        elif report.failed:
            figure = str(call.excinfo.value).strip().split("\n")[0][:120]
        rows.append((report.outcome, line.peer or item.fspath.purebasename, line.case or item.name, figure))


def pytest_collectreport(report):
    if report.failed:
        rows.append(("failed", "collection", report.nodeid, str(report.longrepr).strip().split("\n")[-1][:120]))


def pytest_unconfigure():
    """After all that pytest itself prints."""
    if not rows:
        return
    print("\n")
    width = [max(len(line[column]) for line in rows) for column in (1, 2)]
    for outcome, peer, case, figure in rows:
        print(f"{WORD[outcome]:6} {peer:{width[0]}} | {case:{width[1]}} | {figure}".rstrip())
    count = [sum(line[0] == outcome for line in rows) for outcome in ("passed", "failed", "skipped")]
    print("{} passed, {} failed, {} skipped".format(*count), flush=True)
