# SPDX-License-Identifier: GPL-2.0
"""KTAP from a script in Python: ok = Report(); ok(good, what, note), ...; return ok.done()."""

NOTES_MAX = 20      # lines shown of what is wrong


class Report:
    """KTAP on stdout; done() at the end."""
    count = failed = 0

    def __call__(self, good, what, note=""):
        """The note, a text or several, is shown when it is not good."""
        self.count += 1
        self.failed += not good
        if not good:
            several = isinstance(note, (list, tuple, set))
            for line in (list(note) if several else str(note).splitlines())[:NOTES_MAX]:
                self.note(line)
        print(f"{'ok' if good else 'not ok'} {self.count} - {what}", flush=True)
        return good

    @staticmethod
    def note(text):
        print(f"# {text}", flush=True)

    def done(self):
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed else 0
