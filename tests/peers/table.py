# SPDX-License-Identifier: MIT
"""Plugin of pytest's: the certificates, and the table at the end: a line per test, then "N passed, N failed, N skipped"."""
import certs as certificates
import peers
import pytest

ROW = pytest.StashKey()
WORD = {"passed": "ok", "failed": "FAILED", "skipped": "skip"}
rows = []                           # (outcome, peer, case, figure, cases)


class Row:
    """A test's line: set by calling it; the figure comes when it is known. A test that runs a suite sets `cases`: how many of them
    passed and failed, which is what it counts for."""
    peer = case = figure = ""
    cases = None

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
        rows.append((report.outcome, line.peer or item.fspath.purebasename, line.case or item.name, figure, line.cases))


def pytest_collectreport(report):
    if report.failed:
        rows.append(("failed", "collection", report.nodeid, str(report.longrepr).strip().split("\n")[-1][:120], None))


def pytest_unconfigure():
    """After all that pytest itself prints."""
    if not rows:
        return
    print("\n")
    width = [max(len(line[column]) for line in rows) for column in (1, 2)]
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for outcome, peer, case, figure, cases in rows:
        print(f"{WORD[outcome]:6} {peer:{width[0]}} | {case:{width[1]}} | {figure}".rstrip())
        count["passed"] += cases[0] if cases else outcome == "passed"
        count["failed"] += max(cases[1], outcome == "failed") if cases else outcome == "failed"
        count["skipped"] += outcome == "skipped"
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count), flush=True)
