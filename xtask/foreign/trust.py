"""Whose word counts to a foreign party: the server's keys from list to list, and the devices that are denied.

    pinned(key) --list, signed by the key that signs now--> epoch n --list--> epoch n + 1 ...      an older list changes nothing

By docs/offline-payment-integration.md, "Whose word counts". One key is brought by another way; every other comes from it.
"""

import proofs
from proofs import BODY, IAT, Refused, decoded, field, fields, kid_of, sha256, typed

KEYS_MAX, ID_BYTES = 8, 16


def listed(key):
    """A key in a list: raw, its last second if it has one, and whether it is revoked."""
    until = field(key, 2, int) if 2 in fields(key, {1, 3}, {2}) else None
    return [proofs.okp_x(field(key, 1, dict)), until, field(key, 3, bool)]


def newness(claims):
    """By which of two lists the later is known: its epoch, then its time."""
    return field(claims[BODY], 1, int), field(claims, IAT, int)


class Trust:
    """What is believed of the server; never changed, only followed by another."""

    def __init__(self, keys, epoch=0, heard=0, age=0, denied=()):
        self.keys, self.epoch, self.heard, self.age, self.denied = keys, epoch, heard, age, list(denied)

    @classmethod
    def pinned(cls, x):
        """One key, and no list yet."""
        return cls([[x, None, False]])

    def parts(self):
        """What is kept, in the order of the constructor."""
        return [self.keys, self.epoch, self.heard, self.age, self.denied]

    def signing(self):
        """The key that signs now; None where the first could not."""
        x, until, revoked = self.keys[0]
        return None if revoked or until is not None else x

    def verified(self, message, kind, now, unknown="BAD_SIG"):
        """The claims of the server's word, under a key that counts at this time; without a time only under one that has no end."""
        proofs.opened(message, kind)
        found = [key for key in self.keys if kid_of(key[0]) == proofs.kid_in(message)]
        if not found:
            raise Refused(unknown)
        x, until, revoked = found[0]
        claims = proofs.verified(message, kind, x, unknown)
        if revoked or until is not None and (now is None or now > until):
            raise Refused("GRANT_REVOKED")
        return claims

    def after(self, message):
        """The trust after a list; this one where the list is not newer."""
        claims = fields(proofs.opened(message, proofs.TRUST_LIST), {IAT, BODY})
        body = fields(claims[BODY], {1, 2, 3, 4})
        after = Trust([listed(key) for key in field(body, 2, list)], *newness(claims), field(body, 4, int), self.denied)
        if not 1 <= len(after.keys) <= KEYS_MAX or after.signing() is None:
            raise Refused("MALFORMED")
        after.verified(message, proofs.TRUST_LIST, after.heard)
        if newness(claims) <= (self.epoch, self.heard):
            return self
        self.verified(message, proofs.TRUST_LIST, None)
        if proofs.kid_in(message) != kid_of(self.signing() or b""):
            raise Refused("BAD_SIG")
        once = [x for x, _, revoked in self.keys if revoked]
        after.keys = [[x, until, revoked or x in once] for x, until, revoked in after.keys]
        if after.signing() is None:
            raise Refused("GRANT_REVOKED")
        return after

    def heard_update(self, update):
        """The trust after `GET trust`, its denied devices with it; this one where the update is an older one."""
        update = fields(decoded(update), {1, 2, 3})
        trust = self
        for rotation in field(update, 1, list):
            try:
                trust = trust.after(typed(rotation, bytes))
            except Refused:
                # It begins at a key that this party never knew.
                continue
        present = field(update, 2, bytes)
        trust = trust.after(present)
        claims = proofs.opened(present, proofs.TRUST_LIST)
        if newness(claims) != (trust.epoch, trust.heard):
            return self
        trust.verified(present, proofs.TRUST_LIST, None)
        return Trust(trust.keys, trust.epoch, trust.heard, trust.age, denied_ids(field(update, 3, bytes), claims))

    def fresh(self, now):
        """Refuses where no list was heard, or the one that was is too old to judge by."""
        if self.heard and now + proofs.SKEW_SECONDS < self.heard:
            raise Refused("CLOCK_BACK")
        if not self.heard or now > self.heard + self.age:
            raise Refused("DENY_LIST_OLD")


def denied_ids(joined, claims):
    """The ids beside a list, one after the other in rising order: exactly those that the list names by their hash."""
    ids = [joined[at : at + ID_BYTES] for at in range(0, len(joined), ID_BYTES)]
    right = len(joined) % ID_BYTES == 0 and ids == sorted(set(ids))
    if not right or sha256(joined) != field(claims[BODY], 3, bytes, 32):
        raise Refused("MALFORMED")
    return ids
