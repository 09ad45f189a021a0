"""Take the parameter form of a deployment, type a wrong value into it, in a real browser, and submit.

    python docs/screenshots/refused_form.py            # the stack of `make up`
    python docs/screenshots/refused_form.py --api http://127.0.0.1:4300/api

Fails unless the page names the field and no flow run was created. Needs Chromium.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from browser import Browser
from take import shrink

from sql_ft.stack.api import get_json, post_json

FIELD = "Lora R"
#: The number input that follows the label, given a value as typing does.
TYPE = """(() => {
  const label = [...document.querySelectorAll('label, .p-label, span, div')]
    .filter(e => e.children.length < 3 && e.innerText && e.innerText.trim().startsWith(%r))[0];
  const input = [...document.querySelectorAll('input[type=number]')]
    .find(e => label.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING);
  const before = input.value;
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, %r);
  for (const kind of ['input', 'change', 'blur']) {
    input.dispatchEvent(new Event(kind, {bubbles: true}));
  }
  input.scrollIntoView({block: 'center'});
  return before;
})()"""
SUBMIT = """(() => {
  const button = [...document.querySelectorAll('button')]
    .find(e => ['Submit', 'Run', 'Start Now'].includes(e.innerText.trim()));
  button.click();
  return button.innerText;
})()"""


def main() -> None:
    """Type, submit, look."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    parser.add_argument("--api", default=default)
    parser.add_argument("--deployment", default="finetune/on-demand")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    api = arguments.api
    deployment = get_json(f"{api}/deployments/name/{arguments.deployment}")["id"]
    mine = {"deployments": {"id": {"any_": [deployment]}}}
    before = post_json(f"{api}/flow_runs/count", mine)
    with Browser() as browser:
        url = f"{api.removesuffix('/api')}/deployments/deployment/{deployment}/run"
        browser.open(url, width=1280, dark=False, expect=FIELD)
        browser.resize(1280, 900)
        browser.wait(2.0)
        (arguments.out / "prefect_parameter_form.png").write_bytes(
            shrink(browser.screenshot(height=900))
        )
        print(f"{FIELD} was {browser.evaluate(TYPE % (FIELD, '0'))}, is 0")
        print(f"pressed {browser.evaluate(SUBMIT)}")
        browser.wait(3.0)
        text = browser.text()
        (arguments.out / "prefect_form_refused.png").write_bytes(
            shrink(browser.screenshot(height=900))
        )
    found = [line for line in text.splitlines() if "minimum" in line or "Validation" in line]
    print("\n".join(found) or "no complaint on the page")
    created = post_json(f"{api}/flow_runs/count", mine) - before
    print(f"{created} flow runs created")
    if created or not found:
        sys.exit(1)


if __name__ == "__main__":
    main()
