# SPDX-License-Identifier: GPL-2.0
"""Reads KTAP strictly: silence, a missing plan, a wrong count or a bad exit is a failure."""

import dataclasses
import re

RESULT = re.compile(r"^(\s*)(ok|not ok) (\d+)\b(?:\s*-)?\s*(.*)$")
PLAN = re.compile(r"^(\s*)1\.\.(\d+)(?:\s*#\s*(.*))?$")


@dataclasses.dataclass
class Result:
    """What one script, suite or check came to."""
    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = dataclasses.field(default_factory=list)
    skips: list = dataclasses.field(default_factory=list)
    text: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def ok(self):
        return not self.failed

    def fail(self, why):
        self.failed += 1
        self.failures.append(why)


class Level:
    """One indentation level of a report: its plan and the results counted so far."""

    def __init__(self):
        self.plan = None
        self.count = 0

    def complaint(self, where):
        # KUnit gives parametrised cases no plan of their own; the whole report's is asked for apart.
        if self.plan is not None and self.plan != self.count:
            return f"{where}: planned {self.plan} results, reported {self.count}"
        return None


def judge(name, lines, code):
    """The result of a script from its output and exit code."""
    result = Result(name, text=list(lines))
    levels, saw_plan = {}, False
    for line in lines:
        plan, found = PLAN.match(line), RESULT.match(line)
        if plan:
            indent = len(plan[1])
            level = levels.setdefault(indent, Level())
            level.plan = (level.plan or 0) + int(plan[2])
            if indent == 0:
                saw_plan = True
                if plan[2] == "0":
                    result.skipped += 1
                    result.skips.append(plan[3] or "no reason given")
        elif found:
            close_deeper(levels, len(found[1]), result)
            levels.setdefault(len(found[1]), Level()).count += 1
            count_result(result, found)
    close_deeper(levels, 0, result)
    outer = levels.get(0)
    if not saw_plan:
        result.fail("no plan: the script ended before it said how many results it would have")
    elif outer.complaint(""):
        result.fail(outer.complaint("whole script"))
    if code != 0 and not result.failed:
        result.fail(f"exit code {code}" + (" (timed out)" if code in (124, 137) else ""))
    if not (result.passed or result.failed or result.skipped):
        result.fail("no result at all")
    return result


def close_deeper(levels, indent, result):
    """A result at `indent` ends the subtests nested below it."""
    for deeper in [i for i in levels if i > indent]:
        why = levels.pop(deeper).complaint("subtest")
        if why:
            result.fail(why)


def count_result(result, found):
    indent, verdict, number, text = found.groups()
    skip = re.search(r"#\s*SKIP\b\s*(.*)", text, re.I)
    if indent:
        # Subtests are named in failures; the line that sums them up is what counts.
        if verdict == "not ok":
            result.failures.append(f"{number} {text}")
    elif verdict == "not ok":
        result.fail(f"{number} {text}")
    elif skip:
        result.skipped += 1
        result.skips.append(skip[1] or text)
    else:
        result.passed += 1


def dead(name, why, lines):
    result = Result(name, text=list(lines))
    result.fail(why)
    return result


def print_result(result, out, number=None):
    state = "ok" if result.ok else "not ok"
    if result.ok and not result.passed and result.skipped:
        state_note = f" # SKIP {'; '.join(result.skips)}"
    else:
        state_note = ""
    where = f" {number}" if number else ""
    cpu = f"CPU {result.cpu:.1f} s, " if result.cpu else ""
    print(f"{state}{where} - {result.name} ({result.seconds:.1f} s, {cpu}{result.passed} passed, "
          f"{result.failed} failed, {result.skipped} skipped){state_note}", file=out, flush=True)
    if not result.ok:
        for line in result.text[-120:]:
            if line.strip():
                print(f"    {line}", file=out)
        for why in result.failures:
            print(f"  # failed: {why}", file=out, flush=True)


def print_report(results, out):
    print("KTAP version 1", file=out)
    print(f"1..{len(results)}", file=out)
    for number, result in enumerate(results, 1):
        print_result(result, out, number)
