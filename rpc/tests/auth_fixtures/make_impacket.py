#!/usr/bin/env python3
"""Makes impacket.txt: NTLM messages and signatures by impacket, an implementation that is not ours.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install impacket
    /tmp/venv/bin/python rpc/tests/auth_fixtures/make_impacket.py > rpc/tests/auth_fixtures/impacket.txt

Made with impacket 0.13.1. The challenge is answered for DOM\\alice with the password "secret". Each
case is a line of fields "name=hex": what was negotiated, the three messages, the session key, and what
the client makes of one message with a header of 24, a stub of 48 and a trailer of 8 octets.
"""
import random

from Cryptodome.Cipher import ARC4
from impacket import ntlm

random.seed(1)

CHALLENGE_FLAGS = (
    ntlm.NTLMSSP_NEGOTIATE_UNICODE | ntlm.NTLMSSP_REQUEST_TARGET | ntlm.NTLMSSP_NEGOTIATE_NTLM
    | ntlm.NTLMSSP_NEGOTIATE_ALWAYS_SIGN | ntlm.NTLMSSP_TARGET_TYPE_SERVER
    | ntlm.NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY | ntlm.NTLMSSP_NEGOTIATE_TARGET_INFO
    | ntlm.NTLMSSP_NEGOTIATE_128
)


def pair(identifier, value):
    return identifier.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value


def challenge(flags):
    name = "SERVER".encode("utf-16le")
    info = pair(2, name) + pair(1, name) + pair(3, "server".encode("utf-16le")) + pair(7, bytes(range(1, 9))) + bytes(4)
    fields = lambda length, offset: (length.to_bytes(2, "little") * 2) + offset.to_bytes(4, "little")
    return (
        b"NTLMSSP\0" + (2).to_bytes(4, "little") + fields(len(name), 56) + flags.to_bytes(4, "little")
        + bytes.fromhex("0123456789abcdef") + bytes(8) + fields(len(info), 56 + len(name)) + bytes(8) + name + info
    )


def case(level):
    negotiate = ntlm.getNTLMSSPType1(signingRequired=level != "connect")
    protection = ntlm.NTLMSSP_NEGOTIATE_SIGN | ntlm.NTLMSSP_NEGOTIATE_SEAL | ntlm.NTLMSSP_NEGOTIATE_KEY_EXCH
    flags = CHALLENGE_FLAGS | (negotiate["flags"] & protection)
    server = challenge(flags)
    authenticate, key = ntlm.getNTLMSSPType3(negotiate, server, "alice", "secret", "DOM")
    out = {
        "level": level.encode(), "negotiate": negotiate.getData(), "challenge": server,
        "authenticate": authenticate.getData(), "key": key if isinstance(key, bytes) else key.encode(),
    }
    if level != "connect":
        header, stub, trailer = bytes(range(24)), bytes(range(48)), bytes(range(8))
        message = header + stub + trailer
        negotiated = authenticate["flags"]
        for sender in ("Client", "Server"):
            sign = ntlm.SIGNKEY(negotiated, out["key"], sender)
            handle = ARC4.new(ntlm.SEALKEY(negotiated, out["key"], sender)).encrypt
            for sequence in (0, 1):
                sealed = stub
                if level == "privacy":
                    sealed, signature = ntlm.SEAL(negotiated, sign, None, message, stub, sequence, handle)
                else:
                    signature = ntlm.SIGN(negotiated, sign, message, sequence, handle)
                name = f"{sender.lower()}{sequence}"
                out[name + "_stub"] = sealed
                out[name + "_signature"] = signature.getData()
    print(" ".join(f"{name}={value.hex()}" for name, value in out.items()))


for level in ("connect", "integrity", "privacy"):
    case(level)
