# SPDX-License-Identifier: MIT
"""What befalls a TLS connection on its way: cut anywhere it is lost, which is not an end; with a bit changed anywhere it fails."""
import concurrent.futures
import random

import pytest
import tls_servers as tls

LINE = "ECDHE-RSA-AES128-GCM-SHA256/X25519"     # an RSA signature has one length: all runs have as many octets
GOOD = {"gnutls-serv": ([], "done")}            # it does not close by itself; the others do, by close_notify
EACH = 40                                       # times five stacks: 200
CLOSE_NOTIFY = 31                               # octets: head 5, nonce 8, alert 2, tag 16
SEED = 1


def through(address, certs, words, **options):
    with tls.Relay(address, **options) as relay:
        told = tls.connect(relay.address, certs.ca, *words)
    return told, relay.sent


def each(address, certs, words, options):
    """What a connection comes to, for each of the options; a few at a time, since they mostly wait."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda some: through(address, certs, words, **some)[0], options))


def unguarded(data):
    """Octets that no sum covers, which servers may overlook (RFC 5246 E.1, 7.1): the version of each record, and ChangeCipherSpec's
    only octet. viamc overlooks none."""
    at = 0
    while at < len(data):
        yield from (at + 1, at + 2)
        if data[at] == 20:
            yield at + 5
        at += 5 + int.from_bytes(data[at + 3:at + 5], "big")


def cuts(total, words):
    """Places in what the server sends; of the last record, close_notify, each. Without "bye" viamc closes first: there it is not looked at."""
    end = total if words else total - 2 * CLOSE_NOTIFY
    return sorted({*range(0, end, end // 24), *range(end - CLOSE_NOTIFY - 5, end)})


def flips(stack, sent):
    """Places and bits, seeded; not in the last record of either side, whose sender may be gone when it comes."""
    dice = random.Random(f"{stack} {SEED}")
    free = [sorted(set(range(len(data) - CLOSE_NOTIFY)) - set(unguarded(data) if side == 0 else ())) for side, data in enumerate(sent)]
    for _ in range(EACH):
        side = dice.randrange(2)
        yield side, dice.choice(free[side]), 1 << dice.randrange(8)


@pytest.mark.parametrize("stack", tls.STACKS)
def test_damage(row, certs, stack):
    row(stack, "cut short; a bit changed")
    words, end = GOOD.get(stack, (["bye"], "closed"))
    with tls.STACKS[stack](certs, [LINE]) as found:
        told, sent = through(found[LINE], certs, words)
        assert (told.octets, told.end) == (5, end), told
        places, changes = cuts(len(sent[1]), words), list(flips(stack, sent))
        cut = each(found[LINE], certs, words, [{"cut": place} for place in places])
        flipped = each(found[LINE], certs, words, [{"flip": change} for change in changes])
    bad = [f"cut at {place}: {told}" for place, told in zip(places, cut) if told.end != "lost"]
    bad += [f"changed {change}: {told}" for change, told in zip(changes, flipped) if told.end != "lost" and not told.end.startswith("failed: ")]
    count = len(places) + EACH
    row.cases = count - len(bad), len(bad)
    row.figure = f"lost at {len(places)} places of {len(sent[1])}; {EACH} changes end in an error, in {len({t.end for t in flipped})} ways"
    assert not bad, "; ".join(bad)
