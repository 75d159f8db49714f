"""Walks the foreign parties of system 01 against a running `symbolon`: python3 check.py SYMBOLON [WALK]. Exit 0: every check held.

A payee (payee.py) that the phone of this workspace pays, and a secure application (secure_application.py) that this workspace's
authenticator pays for. They share no code with it, and know docs/offline-payment-integration.md, whose
example is checked first, and the server's public key.
"""

import sys
import time

import walk_page
import walk_payee
import walk_secure_application
from proofs import Refused
from world import Checks, Failed, World

WALKS = {"page": walk_page.walk, "payee": walk_payee.walk, "secure-application": walk_secure_application.walk}


def walked(name, symbolon):
    """One walk in a world of its own; whether everything held."""
    checks, begun = Checks(), time.monotonic()
    try:
        with World(symbolon) as world:
            WALKS[name](checks, world)
    except (Failed, Refused, OSError) as failure:
        print(f"{name}: FAILED after {checks.passed} checks: {failure!r}", flush=True)
        return False
    print(f"{name}: {checks.passed} checks held in {time.monotonic() - begun:.1f} s", flush=True)
    return True


def main():
    """The walks in their order; the first that fails ends the run."""
    symbolon, *only = sys.argv[1:]
    return 0 if all(walked(name, symbolon) for name in only or WALKS) else 1


if __name__ == "__main__":
    sys.exit(main())
