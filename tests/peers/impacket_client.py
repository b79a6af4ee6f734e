"""A client of our server on impacket. Prints a line of JSON for each step.

usage: impacket_client.py HOST PORT USER%PASSWORD LEVEL ndr|ndr64
LEVEL: 1 none, 2 connect, 4 packet, 5 sign, 6 seal
"""

import json
import struct
import sys

from impacket import uuid
from impacket.dcerpc.v5 import rpcrt, transport

CLUSAPI = uuid.uuidtup_to_bin(("b97db8b2-4c63-11cf-bff6-08002be23f2f", "3.0"))
TRIAL = uuid.uuidtup_to_bin(("5b2f64a0-7f4f-4d52-9a2c-0b1f6c1d7e01", "1.0"))
NDR = ("8a885d04-1ceb-11c9-9fe8-08002b104860", "2.0")
NDR64 = ("71710533-beba-4937-8319-b5dbef9ccc36", "1.0")

host, port, login, level, syntax = sys.argv[1:6]
user, password = login.split("%", 1)
level = int(level)
wide = syntax == "ndr64"


def say(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


def connect(interface):
    pipe = transport.DCERPCTransportFactory("ncacn_ip_tcp:%s[%s]" % (host, port))
    pipe.set_connect_timeout(10)
    if level > rpcrt.RPC_C_AUTHN_LEVEL_NONE:
        pipe.set_credentials(user, password)
    client = pipe.get_dce_rpc()
    if level > rpcrt.RPC_C_AUTHN_LEVEL_NONE:
        client.set_auth_type(rpcrt.RPC_C_AUTHN_WINNT)
        client.set_auth_level(level)
    client.connect()
    client.bind(interface, transfer_syntax=NDR64 if wide else NDR)
    return client


def call(client, opnum, stub):
    client.call(opnum, stub)
    return client.recv()


def count(value):
    return struct.pack("<Q" if wide else "<I", value)


def string(stub, at):
    """A unique pointer to a wide string at an offset: the string, and where it ends."""
    word = 8 if wide else 4
    at = (at + word - 1) // word * word
    read = lambda i: int.from_bytes(stub[at + i * word : at + (i + 1) * word], "little")
    if read(0) == 0:
        return None, at + word
    length = read(3)
    start = at + 4 * word
    return stub[start : start + 2 * length].decode("utf-16-le").rstrip("\0"), start + 2 * length


def cluster():
    client = connect(CLUSAPI)
    stub = call(client, 0, b"")
    status, handle = struct.unpack("<I20s", stub)
    say("open", status=status, null=handle == bytes(20))
    stub = call(client, 3, b"")
    cluster_name, at = string(stub, 0)
    node_name, at = string(stub, at)
    at = (at + 3) // 4 * 4
    say("name", cluster=cluster_name, node=node_name, status=struct.unpack_from("<I", stub, at)[0])
    stub = call(client, 1, handle)
    handle, status = struct.unpack("<20sI", stub)
    say("close", status=status, null=handle == bytes(20))
    client.disconnect()


def trial():
    client = connect(TRIAL)
    octets = bytes(i * 7 & 0xFF for i in range(100_000))
    padding = bytes(4) if wide else b""
    stub = call(client, 0, struct.pack("<I", len(octets)) + padding + count(len(octets)) + octets)
    size = struct.unpack_from("<I", stub)[0]
    start = 8 + 8 + 8 if wide else 4 + 4 + 4
    say("echo", size=size, same=stub[start : start + size] == octets)
    # Fragments of our response, and of impacket's request.
    client.set_max_fragment_size(200)
    stub = call(client, 2, struct.pack("<I", 5000) + padding + count(5000) + b"\x01" * 5000)
    say("sum", sum=struct.unpack_from("<I", stub)[0])
    stub = call(client, 5, struct.pack("<I", 1234))
    say("fail", status=struct.unpack("<I", stub)[0])
    try:
        call(client, 6, struct.pack("<I", 0x1C010014))
        say("fault", text=None)
    except rpcrt.DCERPCException as error:
        say("fault", text=str(error))
    try:
        call(client, 99, b"")
        say("opnum", text=None)
    except rpcrt.DCERPCException as error:
        say("opnum", text=str(error))
    client.disconnect()


try:
    cluster()
    trial()
except rpcrt.DCERPCException as error:
    say("refused", text=str(error))
