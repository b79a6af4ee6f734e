#!/usr/bin/env python3
"""Makes tests/fixtures/reference/{iobjectexporter,iactivation,iremotescmactivator}.jsonl.

The stubs are encoded by impacket (PyPI, 0.13), which shares no code with midlc,
msrpc-ndr or Samba; the values beside them are written down here by hand.
impacket draws referents at random and fills gaps with whatever shows where they
are from; here referents are numbered in the order in which they stand in the
stub, and gaps are zero.

usage: dcom_reference.py FOLDER
"""

import importlib.util
import json
import re
import struct
import sys
import uuid
from pathlib import Path


def without_gaps(name):
    """A module of impacket whose padding is zero."""
    spec = importlib.util.find_spec(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    source = re.sub(r"b'\\x[a-f]\w'", r"b'\\x00'", Path(spec.origin).read_text(), flags=re.I)
    exec(compile(source, spec.origin, "exec"), module.__dict__)
    return module


ndr = without_gaps("impacket.dcerpc.v5.ndr")
from impacket.dcerpc.v5 import dcomrt  # noqa: E402
from impacket.dcerpc.v5.dtypes import NULL  # noqa: E402

MAGIC = 0x6A5B0000
drawn = [0]


def magic(_low, _high):
    drawn[0] += 1
    return MAGIC + drawn[0]


ndr.random.randint = magic

CID = uuid.UUID("8b1f2c3d-4e5f-4061-8273-94a5b6c7d8e9")
CLSID = uuid.UUID("4991d34b-80a1-4291-83b6-3328366b9097")
IIDS = [uuid.UUID("00000000-0000-0000-c000-000000000046"), uuid.UUID("00020400-0000-0000-c000-000000000046")]
IPID = uuid.UUID("0000a401-02fc-0000-1d2e-3f4051627384")
OXID = 0x0123456789ABCDEF
# ncacn_ip_tcp (7) at "fs1[135]", then authentication service 10 with no name.
TOWERS = [7, *map(ord, "fs1[135]"), 0, 0, 10, 0xFFFF, 0, 0]
OBJREF = b"MEOW" + bytes(range(1, 24))


def uint(value):
    return {"uint": value}


def guid(value):
    return {"uuid": str(value)}


def version(minor):
    return {"struct": [["MajorVersion", uint(5)], ["MinorVersion", uint(minor)]]}


def bindings():
    # wNumEntries is the array's length in Rust, and no member.
    return {"struct": [["wSecurityOffset", uint(11)],
                       ["aStringArray", {"array": [uint(unit) for unit in TOWERS]}]]}


def objref(data):
    return {"bytes": data.hex()}


def orpc_this():
    # reserved1 is always 0, and no extensions are an empty list.
    return {"struct": [["version", version(7)], ["flags", uint(1)], ["cid", guid(CID)],
                       ["extensions", {"array": []}]]}


def orpc_that():
    return {"struct": [["flags", uint(0)], ["extensions", {"array": []}]]}


# --- the same, as impacket has it -----------------------------------------------------


def set_version(value, minor):
    value["MajorVersion"], value["MinorVersion"] = 5, minor


def set_this(call, name):
    set_version(call[name]["version"], 7)
    call[name]["flags"], call[name]["reserved1"] = 1, 0
    call[name]["cid"], call[name]["extensions"] = CID.bytes_le, NULL


def set_that(call, name):
    call[name]["flags"], call[name]["extensions"] = 0, NULL


def set_bindings(call, name):
    call[name]["wNumEntries"], call[name]["wSecurityOffset"] = len(TOWERS), 11
    call[name]["aStringArray"] = TOWERS


def set_objref(call, name, data):
    if data is None:
        call[name] = NULL
    else:
        call[name]["ulCntData"], call[name]["abData"] = len(data), list(data)


def make(kind, **values):
    call = kind()
    for name, value in values.items():
        call[name] = value
    return call


def stub(call):
    """The octets, with referents from 0x20000 on in the order in which they stand."""
    octets, at, next_referent = bytearray(call.getData()), 0, 0x20000
    while at + 4 <= len(octets):
        (word,) = struct.unpack_from("<I", octets, at)
        if MAGIC < word <= MAGIC + drawn[0]:
            struct.pack_into("<I", octets, at, next_referent)
            next_referent += 4
        at += 4
    return bytes(octets)


class Table:
    def __init__(self):
        self.rows = []

    def add(self, opnum, name, request, response):
        first = None
        for direction, (call, value) in (("request", request), ("response", response)):
            row = {"opnum": opnum, "name": name, "syntax": "ndr", "endian": "little", "direction": direction,
                   "stub": stub(call).hex() if call is not None else ""}
            if direction == "response":
                row["request"] = first
            first = row["stub"]
            self.rows.append({**row, "value": {"struct": value}})

    def write(self, path):
        path.write_text("".join(json.dumps(row) + "\n" for row in self.rows))


def guids(values):
    items = []
    for value in values:
        item = dcomrt.IID()
        item["Data"] = value.bytes_le
        items.append(item)
    return items


def object_exporter():
    table = Table()
    protseqs = [7, 15]
    for opnum, name, request, response in (
            (0, "ResolveOxid", dcomrt.ResolveOxid, dcomrt.ResolveOxidResponse),
            (4, "ResolveOxid2", dcomrt.ResolveOxid2, dcomrt.ResolveOxid2Response)):
        asked = make(request, pOxid=OXID, cRequestedProtseqs=2, arRequestedProtseqs=protseqs)
        answered = make(response, pipidRemUnknown=IPID.bytes_le, pAuthnHint=5, ErrorCode=0)
        set_bindings(answered, "ppdsaOxidBindings")
        tail = []
        if opnum == 4:
            set_version(answered["pComVersion"], 7)
            tail = [["pComVersion", version(7)]]
        table.add(opnum, name,
                  (asked, [["pOxid", uint(OXID)], ["cRequestedProtseqs", uint(2)],
                           ["arRequestedProtseqs", {"array": [uint(one) for one in protseqs]}]]),
                  (answered, [["ppdsaOxidBindings", bindings()], ["pipidRemUnknown", guid(IPID)],
                              ["pAuthnHint", uint(5)], *tail, ["return_value", uint(0)]]))
    table.add(1, "SimplePing", (make(dcomrt.SimplePing, pSetId=OXID), [["pSetId", uint(OXID)]]),
              (make(dcomrt.SimplePingResponse, ErrorCode=1912), [["return_value", uint(1912)]]))
    oids = [0x1122334455667788, 3]
    for add, drop in ((oids, None), (None, [9])):
        asked = make(dcomrt.ComplexPing, pSetId=0, SequenceNum=1, cAddToSet=len(add or []),
                     cDelFromSet=len(drop or []))
        for name, values in (("AddToSet", add), ("DelFromSet", drop)):
            if values is None:
                asked[name] = NULL
            else:
                for value in values:
                    oid = dcomrt.OID()
                    oid["Data"] = value
                    asked[name].append(oid)
        tree = lambda values: "null" if values is None else {"array": [uint(one) for one in values]}  # noqa: E731
        table.add(2, "ComplexPing",
                  (asked, [["pSetId", uint(0)], ["SequenceNum", uint(1)], ["cAddToSet", uint(len(add or []))],
                           ["cDelFromSet", uint(len(drop or []))], ["AddToSet", tree(add)],
                           ["DelFromSet", tree(drop)]]),
                  (make(dcomrt.ComplexPingResponse, pSetId=OXID, pPingBackoffFactor=2, ErrorCode=0),
                   [["pSetId", uint(OXID)], ["pPingBackoffFactor", uint(2)], ["return_value", uint(0)]]))
    answered = make(dcomrt.ServerAlive2Response, ErrorCode=0)
    set_version(answered["pComVersion"], 7)
    set_bindings(answered, "ppdsaOrBindings")
    answered["pReserved"] = NULL  # a pointer there, a number in the document: the same zero
    table.add(5, "ServerAlive2", (None, []),
              (answered, [["pComVersion", version(7)], ["ppdsaOrBindings", bindings()], ["pReserved", uint(0)],
                          ["return_value", uint(0)]]))
    return table


def activation():
    table = Table()
    protseqs = [7]
    asked = make(dcomrt.RemoteActivation, Clsid=CLSID.bytes_le, pwszObjectName="doc.txt\0", ClientImpLevel=2, Mode=0,
                 Interfaces=2, cRequestedProtseqs=1, aRequestedProtseqs=protseqs)
    set_this(asked, "ORPCthis")
    set_objref(asked, "pObjectStorage", None)
    asked["pIIDs"] = guids(IIDS)
    answered = make(dcomrt.RemoteActivationResponse, pOxid=OXID, pipidRemUnknown=IPID.bytes_le, pAuthnHint=6, phr=0,
                    ErrorCode=0)
    set_that(answered, "ORPCthat")
    set_bindings(answered, "ppdsaOxidBindings")
    set_version(answered["pServerVersion"], 6)
    found = []
    for data in (OBJREF, OBJREF[:6]):
        item = dcomrt.PMInterfacePointer()
        item["ulCntData"], item["abData"] = len(data), list(data)
        found.append(item)
    answered["ppInterfaceData"] = found
    results = []
    for value in (0, -2147467262):  # E_NOINTERFACE
        result = dcomrt.HRESULT()
        result["Data"] = value
        results.append(result)
    answered["pResults"] = results
    table.add(0, "RemoteActivation",
              (asked, [["ORPCthis", orpc_this()], ["Clsid", guid(CLSID)], ["pwszObjectName", {"wide": "doc.txt"}],
                       ["pObjectStorage", "null"], ["ClientImpLevel", uint(2)], ["Mode", uint(0)],
                       ["Interfaces", uint(2)], ["pIIDs", {"array": [guid(one) for one in IIDS]}],
                       ["cRequestedProtseqs", uint(1)], ["aRequestedProtseqs", {"array": [uint(7)]}]]),
              (answered, [["ORPCthat", orpc_that()], ["pOxid", uint(OXID)], ["ppdsaOxidBindings", bindings()],
                          ["pipidRemUnknown", guid(IPID)], ["pAuthnHint", uint(6)], ["pServerVersion", version(6)],
                          ["phr", {"int": 0}], ["ppInterfaceData", {"array": [objref(OBJREF), objref(OBJREF[:6])]}],
                          ["pResults", {"array": [{"int": 0}, {"int": -2147467262}]}],
                          ["return_value", uint(0)]]))
    return table


def scm_activator():
    table = Table()
    for opnum, name, request, response in (
            (3, "RemoteGetClassObject", dcomrt.RemoteGetClassObject, dcomrt.RemoteGetClassObjectResponse),
            (4, "RemoteCreateInstance", dcomrt.RemoteCreateInstance, dcomrt.RemoteCreateInstanceResponse)):
        asked = make(request)
        set_this(asked, "ORPCthis")
        set_objref(asked, "pActProperties", OBJREF)
        outer = []
        if opnum == 4:
            set_objref(asked, "pUnkOuter", None)
            outer = [["pUnkOuter", "null"]]
        answered = make(response, ErrorCode=0)
        set_that(answered, "ORPCthat")
        set_objref(answered, "ppActProperties", OBJREF[:9])
        table.add(opnum, name,
                  (asked, [["orpcthis", orpc_this()], *outer, ["pActProperties", objref(OBJREF)]]),
                  (answered, [["orpcthat", orpc_that()], ["ppActProperties", objref(OBJREF[:9])],
                              ["return_value", {"int": 0}]]))
    return table


def main(folder):
    for name, table in (("iobjectexporter", object_exporter()), ("iactivation", activation()),
                        ("iremotescmactivator", scm_activator())):
        table.write(Path(folder) / f"{name}.jsonl")


main(*sys.argv[1:])
