"""Ask the advisory service about every pinned package; say so where it cannot be asked.

    python .ci/audit.py constraints.txt

pip-audit reports "No known vulnerabilities found" also where the service knows none of the
packages, as behind a mirror. A release with known advisories is therefore audited along: only
if it is found out, the answer about the others counts. Exit status: 1 for advisories; 0 for
none, and for a service that cannot be asked, which is no fault of the change that is checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

KNOWN_BAD = ("jinja2", "2.10")
_TIMEOUT_S = 600


def main() -> int:
    """Audit the file named on the command line."""
    pins = Path(sys.argv[1])
    names = [line for line in pins.read_text(encoding="utf-8").splitlines() if "==" in line]
    try:
        if not any(d.get("vulns") for d in audit("==".join(KNOWN_BAD))):
            return unasked(f"does not know the advisories of {' '.join(KNOWN_BAD)}", len(names))
        answers = audit(*names)
    except ServiceError as error:
        return unasked(str(error), len(names))
    skipped = [d["name"] for d in answers if "skip_reason" in d]
    bad = [d for d in answers if d.get("vulns")]
    for found in bad:
        for advisory in found["vulns"]:
            fixed = ", ".join(advisory["fix_versions"]) or "no release"
            print(f"{found['name']} {found['version']}: {advisory['id']}, fixed in {fixed}")
    asked = len(answers) - len(skipped)
    print(f"audit: {asked} of {len(names)} packages, {len(bad)} with advisories")
    if skipped:
        print(f"not known to the service: {', '.join(skipped)}")
    return int(bool(bad))


class ServiceError(Exception):
    """No answer."""


def audit(*requirements: str) -> list[dict[str, Any]]:
    """Answers about exact versions; nothing is installed or resolved."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(file), "--no-deps"]
        command += ["--disable-pip", "--progress-spinner", "off", "--format", "json"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ServiceError(f"no answer within {_TIMEOUT_S} s") from None
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or ["no output"]
        raise ServiceError(lines[-1][:300]) from None


def unasked(reason: str, count: int) -> int:
    """Say it loudly; a later run with a network has to be made."""
    print(f"audit: NOT DONE, none of {count} packages was checked: the advisory service: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
