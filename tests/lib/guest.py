# SPDX-License-Identifier: GPL-2.0
"""The host's half of tests/lib/guest-init: hands jobs to a guest and reads what it reports.

Invariant: every job gets exactly one result, and only a complete, correct KTAP report from a
script that ended by itself with code 0 is a success. A guest that dies takes the blame to the
job that was running; the jobs behind it run in a new boot.
"""

import dataclasses
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time

import ktap

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOGS = f"{TOP}/build/logs"
CACHE = os.environ.get("COOKIEBOX_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "cookiebox")
MAX_DEATHS = 5
# The limits of scripts are for an idle machine; they are there to end what hangs, not to measure.
SLOWNESS = float(os.environ.get("TEST_SLOWNESS") or 3)


@dataclasses.dataclass
class Job:
    """One run of one script for one address family."""
    script: str
    arguments: tuple = ()
    family: str = "4"
    timeout: int = 60

    @property
    def name(self):
        words = " ".join((self.script, *self.arguments))
        return f"{words} FAMILY={self.family}" if self.family != "-" else words

    def line(self, number):
        return " ".join((str(number), self.family, str(self.timeout),
                         f"/cookiebox/{self.script}", *self.arguments)) + "\n"


def read_header(path):
    """The `# key: value` lines at the top of a test script."""
    header = {}
    with open(path, encoding="utf-8") as handle:
        for line in handle:
            if not line.startswith("#"):
                break
            found = re.match(r"# (runs|check|families|timeout|arguments): *(.*)", line)
            if found:
                header[found[1]] = found[2].split()
    return header


def jobs_of(path, families=None):
    """The jobs of a script: one per family it names, `-` where the family does not matter."""
    header = read_header(f"{TOP}/{path}")
    wanted = header.get("families", ["-"])
    if families and wanted != ["-"]:
        wanted = [f for f in wanted if f in families]
    limit = int(int(header.get("timeout", ["60"])[0]) * SLOWNESS)
    return [Job(path, tuple(header.get("arguments", ())), f, limit) for f in wanted]


class Channel:
    """Follows the file that a guest's reports arrive in."""

    def __init__(self, path, token):
        self.path = path
        self.mark = f"@{token} "
        self.position = 0
        self.rest = ""

    def lines(self):
        """New complete lines; the marked ones as (verb, argument...), others as text."""
        try:
            with open(self.path, "rb") as handle:
                handle.seek(self.position)
                data = handle.read()
        except FileNotFoundError:
            return
        self.position += len(data)
        *complete, self.rest = (self.rest + data.decode(errors="replace")).split("\n")
        for line in complete:
            line = line.rstrip("\r")
            yield tuple(line[len(self.mark):].split()) if line.startswith(self.mark) else line


class Boot:
    """One life of a guest: runs the given jobs until they are done or the guest is."""

    def __init__(self, numbered, token, watch=None, cpu_time=lambda: 0.0):
        self.cpu_time = cpu_time
        self.jobs = dict(numbered)
        self.token = token
        self.watch = watch
        self.current = None
        self.text = []
        self.results = {}
        self.done = False

    def take(self, item):
        if isinstance(item, str):
            self.text.append(item)
            if self.watch and item.strip():
                self.watch(item)
        elif item[0] == "begin":
            self.current, self.text = item[1], []
            self.started, self.cpu = time.monotonic(), self.cpu_time()
        elif item[0] == "end":
            code = int(item[2])
            self.results[item[1]] = ktap.judge(self.name(item[1]), self.text, code)
            self.results[item[1]].seconds = time.monotonic() - self.started
            self.results[item[1]].cpu = max(self.cpu_time() - self.cpu, 0.0)  # it may be gone
            self.current, self.text = None, []
        elif item[0] == "done":
            self.done = True

    def name(self, number):
        return self.jobs[number].name if number in self.jobs else number

    def blame(self, why, console):
        """The guest is gone: the running job failed, or the boot itself did."""
        report = self.text + [f"# {why}; the end of the console:"] + [f"#   {l}" for l in console]
        number = self.current
        if number is None:
            waiting = [n for n in self.jobs if n not in self.results]
            number = waiting[0] if waiting else "shutdown"
        self.results[number] = ktap.dead(self.name(number), why, report)
        return self.results[number]


def console_tail(path, count=60):
    try:
        with open(path, "rb") as handle:
            lines = handle.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    # The cause of a panic is its first line, so start there if it is not too far up.
    for index, line in enumerate(lines):
        if re.search(r"WARNING:|BUG:|Oops|Kernel panic|KASAN|general protection", line):
            return lines[max(0, index - 3):index + count]
    return lines[-count:]


class Guest:
    """What VM and User-Mode Linux share. A subclass says how to start one: command()."""

    platform = "vm"
    overhead = 60
    long = False

    def __init__(self, label):
        self.label = label
        self.process = None
        self.boots = 0
        self.stopped = False
        os.makedirs(LOGS, exist_ok=True)

    def command(self, boot_directory, token, job_text):
        raise NotImplementedError

    def environment(self):
        return None

    def run(self, jobs, timeout=None, watch=None, report=None):
        """Runs the jobs, in more than one boot if guests die. Returns the results in order."""
        numbered = {str(n): job for n, job in enumerate(jobs, 1)}
        results, deaths = {}, 0
        while not self.stopped and deaths < MAX_DEATHS and numbered.keys() - results.keys():
            rest = {n: j for n, j in numbered.items() if n not in results}
            boot = self.boot(rest, timeout, watch, report)
            results.update(boot.results)
            deaths += not boot.done
        for number, job in numbered.items():
            if number not in results:
                results[number] = ktap.dead(job.name, f"not run: {deaths} guests died before it", [])
                if report:
                    report(results[number])
        return list(results.values())

    def boot(self, numbered, timeout, watch, report):
        self.boots += 1
        token = secrets.token_hex(4)
        directory = f"{LOGS}/{self.label}-{self.boots}"
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(f"{directory}/out")
        for name in ("channel", "console"):
            open(f"{directory}/{name}", "w", encoding="ascii").close()
        text = "".join(job.line(number) for number, job in numbered.items())
        boot = Boot(numbered, token, watch, self.cpu_time)
        limit = timeout or self.overhead + sum(j.timeout + 10 for j in numbered.values())
        why = self.watch_over(boot, directory, self.command(directory, token, text), limit, report)
        if not boot.done:
            result = boot.blame(why, console_tail(f"{directory}/console"))
            if report:
                report(result)
        return boot

    def watch_over(self, boot, directory, command, limit, report):
        channel = Channel(f"{directory}/channel", boot.token)
        with open(f"{directory}/console", "wb") as console:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                start_new_session=True, env=self.environment())
        end, why = time.monotonic() + limit, "the guest died"
        told = 0
        while True:
            running = self.process.poll() is None
            for item in channel.lines():
                boot.take(item)
            for result in list(boot.results.values())[told:] if report else []:
                report(result)
                told += 1
            if not running:
                break
            if time.monotonic() > end:
                why = f"the guest was not done after {limit} s"
                self.kill()
            time.sleep(0.1)
        return why

    def cpu_time(self):
        """Seconds of CPU the guest has used: what its time is on a machine that is not busy."""
        try:
            with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as handle:
                fields = handle.read().rpartition(")")[2].split()
        except (OSError, AttributeError):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Ends the guest, and no other is started for what is left to run."""
        self.stopped = True
        self.kill()

    def kill(self):
        """Ends the guest that this object started, and nothing else."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def end_on_sigterm():
    """`timeout` and CI end a run with SIGTERM: no guest may outlive it."""
    def end(number, _frame):
        sys.exit(128 + number)
    signal.signal(signal.SIGTERM, end)


def progress(line):
    print(line, flush=True)


def main(guest, options):
    """The part that tests/vm/run and tests/uml/run share: scripts to jobs, results to KTAP."""
    end_on_sigterm()
    scripts, jobs = options.scripts, []
    for script in scripts:
        path = os.path.relpath(os.path.abspath(script), TOP)
        if options.arg:
            jobs.append(Job(path, tuple(options.arg), (options.family or ["-"])[0],
                            options.timeout or 60))
        else:
            jobs += jobs_of(path, options.family)
    guest.long = options.long
    watch = progress if options.progress else None
    try:
        results = guest.run(jobs, options.timeout and options.timeout + guest.overhead, watch)
    finally:
        guest.stop()
    ktap.print_report(results, sys.stdout)
    return 0 if all(r.ok for r in results) else 1


def add_options(parser):
    parser.add_argument("--timeout", type=int, help="seconds for all scripts together")
    parser.add_argument("--family", action="append", choices=["4", "6"],
                        help="only this address family; may be given twice")
    parser.add_argument("--arg", action="append", help="argument for the script (repeatable)")
    parser.add_argument("--long", action="store_true", help="as in make check-long: LONG=1")
    parser.add_argument("--progress", action="store_true", help="show the scripts' lines as they come")
    parser.add_argument("scripts", nargs="+", help="scripts under tests/, run inside the guest")
