"""Tests of `scripts/audit` with substitutes for the tools it calls, which print what the real ones do."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NPM_CLEAN = json.dumps({"auditReportVersion": 2, "vulnerabilities": {}})
NPM_FOUND = json.dumps({"vulnerabilities": {"minimist": {"severity": "critical", "range": "<0.2.4"}}})
# The output of npm if the endpoint refuses.
NPM_REFUSED = json.dumps({"message": "405 Method Not Allowed", "statusCode": 405, "error": {"summary": ""}})
PIP_CLEAN = json.dumps({"dependencies": [{"name": "jinja2", "version": "3.1.6", "vulns": []}], "fixes": []})
PIP_FOUND = json.dumps({
    "dependencies": [
        {"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}
    ]
})
# pip-audit skips a package it cannot look up, and exits with 0.
PIP_SKIPPED = json.dumps({"dependencies": [{"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}]})
DENY_FOUND = "error[vulnerability]: Potential segfault in the time crate\\n = ID: RUSTSEC-2020-0071"
DENY_UNREACHABLE = "[ERROR] failed to fetch advisory database https://github.com/rustsec/advisory-db: no route"


def audit(npm=(NPM_CLEAN, 0), pip=(PIP_CLEAN, 0), deny=("", 0), licences=("", 0)) -> tuple[int, str]:
    """Runs the script with the output and exit code of each tool. Returns its exit code and output."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "npm", f"cat <<'END'\n{npm[0]}\nEND\nexit {npm[1]}")
        write(folder, "pip-audit", f"cat <<'END'\n{pip[0]}\nEND\nexit {pip[1]}")
        refuse = "cat >&2 <<'END'\n{}\nEND\nexit {}"
        advisories, rules = refuse.format(*deny), refuse.format(*licences)
        write(folder, "cargo-deny", f'case "$*" in *advisories*)\n{advisories}\n;; *)\n{rules}\n;; esac')
        environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        program = [sys.executable, str(ROOT / "scripts" / "audit")]
        run = subprocess.run(program, env=environment, capture_output=True, text=True)
        return run.returncode, run.stdout + run.stderr


def write(folder: str, name: str, script: str) -> None:
    file = Path(folder) / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


class Audit(unittest.TestCase):
    def test_no_findings_is_a_success(self) -> None:
        code, output = audit()
        self.assertEqual(code, 0, output)
        for checked in ["crates", "cdk", "client", "tools", "benches/peers", "cdk/requirements.txt", "tools/requirements.txt"]:
            self.assertIn(f"audit: {checked}: no known vulnerability", output)

    def test_a_known_vulnerability_fails_and_is_named(self) -> None:
        for findings, named in [
            ({"npm": (NPM_FOUND, 1)}, "minimist: critical"),
            ({"pip": (PIP_FOUND, 1)}, "jinja2 2.10: PYSEC-2019-217, fixed in 2.10.1"),
            ({"deny": (DENY_FOUND, 1)}, "RUSTSEC-2020-0071"),
            ({"licences": ("error[rejected]: failed to satisfy license requirements", 4)}, "license requirements"),
        ]:
            code, output = audit(**findings)
            self.assertEqual(code, 1, output)
            self.assertIn(named, output)

    def test_an_unreachable_database_has_its_own_exit_code(self) -> None:
        for outputs, name in [
            ({"npm": (NPM_REFUSED, 1)}, "cdk"),
            ({"npm": ("", 1)}, "client"),
            ({"pip": (PIP_SKIPPED, 0)}, "cdk/requirements.txt"),
            ({"pip": ("", 1)}, "tools/requirements.txt"),
            ({"deny": (DENY_UNREACHABLE, 1)}, "crates"),
        ]:
            code, output = audit(**outputs)
            self.assertEqual(code, 3, output)
            self.assertIn(f"audit: {name}: NOT CHECKED, the database cannot be reached", output)

    def test_a_finding_takes_precedence_over_an_unreachable_database(self) -> None:
        code, output = audit(npm=(NPM_REFUSED, 1), pip=(PIP_FOUND, 1))
        self.assertEqual(code, 1, output)
        self.assertIn("NOT CHECKED", output)

    def test_a_vulnerable_package_is_found_next_to_a_skipped_one(self) -> None:
        both = json.dumps({"dependencies": [*json.loads(PIP_SKIPPED)["dependencies"], *json.loads(PIP_FOUND)["dependencies"]]})
        self.assertEqual(audit(pip=(both, 1))[0], 1)


if __name__ == "__main__":
    unittest.main()
