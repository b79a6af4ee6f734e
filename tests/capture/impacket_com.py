"""Writes ndr/tests/fixtures/impacket.txt: what impacket makes of structures of DCOM and OLE Automation.

Needs impacket from PyPI. For development only.
"""

import pathlib
import sys

from impacket.dcerpc.v5 import dcomrt
from impacket.dcerpc.v5.dcom import oaut
from impacket.dcerpc.v5.dtypes import NULL
from impacket.dcerpc.v5.ndr import NDRCALL
from impacket.uuid import string_to_bin

IID = string_to_bin("00020400-0000-0000-C000-000000000046")
UUID = string_to_bin("01020304-0506-0708-090a-0b0c0d0e0f10")
lines = []


def emit(name, octets):
    lines.append(f"{name} {octets.hex()}")


def bindings():
    array = dcomrt.DUALSTRINGARRAYPACKED()
    string = b"\x07\x00" + "10.0.0.1[5000]\0".encode("utf-16le")
    security = b"\x0a\x00\xff\xff" + "host/a\0".encode("utf-16le")
    units = string + b"\0\0" + security + b"\0\0"
    array["wNumEntries"] = len(units) // 2
    array["wSecurityOffset"] = len(string) // 2 + 1
    array["aStringArray"] = units
    return array.getData()


def fill(reference):
    reference["flags"] = 0x1000
    reference["cPublicRefs"] = 5
    reference["oxid"] = 0x1122334455667788
    reference["oid"] = 0x99AABBCCDDEEFF00
    reference["ipid"] = UUID


def objref(kind, flags):
    kind["signature"] = 0x574F454D
    kind["flags"] = flags
    kind["iid"] = IID
    return kind


standard = objref(dcomrt.OBJREF_STANDARD(), 1)
fill(standard["std"])
standard["saResAddr"] = bindings()
emit("objref_standard", standard.getData())

handler = objref(dcomrt.OBJREF_HANDLER(), 2)
fill(handler["std"])
handler["clsid"] = UUID
handler["saResAddr"] = bindings()
emit("objref_handler", handler.getData())

custom = objref(dcomrt.OBJREF_CUSTOM(), 4)
custom["clsid"] = UUID
custom["cbExtension"] = 0
custom["ObjectReferenceSize"] = 3
custom["pObjectData"] = b"abc"
emit("objref_custom", custom.getData())

this = dcomrt.ORPCTHIS()
this["version"]["MajorVersion"] = 5
this["version"]["MinorVersion"] = 7
this["flags"] = 0
this["reserved1"] = 0
this["cid"] = UUID
this["extensions"] = NULL
emit("orpcthis", this.getData())

location = dcomrt.LocationInfoData()
location["machineName"] = "node1\0"
location["processId"] = 1
location["apartmentId"] = 2
location["contextId"] = 3
octets = location.getData() + location.getDataReferents()
emit("location", octets + bytes(-len(octets) % 8))


class Call(NDRCALL):
    structure = (("value", oaut.BSTR),)


call = Call()
call["value"]["asData"] = "node1"
emit("bstr", call.getData())

pathlib.Path(sys.argv[1]).write_text("\n".join(lines) + "\n")
