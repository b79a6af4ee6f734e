#!/usr/bin/env python3
"""Makes tests/fixtures/reference: stubs of every operation, with their values.

The encoder is midl_ndr.py, which shares no code with midlc, msrpc-ndr or
Samba. Values are random from a fixed seed; the same values are encoded in the
three encodings.

usage: reference.py SEED IDL OUT.jsonl
"""

import json
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from midl_ndr import Arr, Context, Enum, Guid, Idl, Int, Maker, Ptr, Str, Struct, Union, encode  # noqa: E402


def tree(kind, value, field):
    """The JSON form of a value that tests/src/fixtures/value.rs reads."""
    if isinstance(kind, Ptr):
        return "null" if value is None else tree(kind.inner, value, field)
    if isinstance(kind, Int):
        return {"int": value} if kind.signed else {"uint": value}
    if isinstance(kind, Enum):
        return {"uint": value}
    if isinstance(kind, Guid):
        return {"uuid": str(value)}
    if isinstance(kind, Context):
        return {"handle": value.hex()}
    if isinstance(kind, Str):
        return {"wide": value}
    if isinstance(kind, Arr):
        return {"bytes": value.hex()} if isinstance(value, bytes) else \
            {"array": [tree(kind.elem, element, field) for element in value]}
    if isinstance(kind, Struct):
        return {"struct": fields(kind.fields, value)}
    if isinstance(kind, Union):
        tag, arm = value
        return {"union": [tag, tree(kind.arms[tag], arm, field) if tag in kind.arms else "empty"]}
    raise NotImplementedError(kind)


def fields(declared, values):
    return [[field.name, tree(field.type, values[field.name], field)] for field in declared]


def rows(idl, seed):
    maker = Maker(seed)
    for operation in idl.operations:
        if re.match(r"Opnum\d+", operation.name):
            continue
        asked = maker.request(operation)
        answered = maker.response(operation, asked)
        for syntax, endian in (("ndr", "little"), ("ndr", "big"), ("ndr64", "little")):
            encoding = (syntax == "ndr64", endian == "big")
            request = encode(operation.side("in"), asked, {}, *encoding).hex()
            row = {"opnum": operation.opnum, "name": operation.name, "syntax": syntax, "endian": endian}
            yield {**row, "direction": "request", "stub": request,
                   "value": {"struct": fields(operation.side("in"), asked)}}
            response = encode(operation.side("out"), answered, asked, *encoding).hex()
            yield {**row, "direction": "response", "stub": response, "request": request,
                   "value": {"struct": fields(operation.side("out"), answered)}}


def main(seed, source, target):
    text = Path(source).read_text()
    idl = Idl(text[re.search(r"^\s*interface\s+\w+", text, flags=re.M).start():])
    with open(target, "w") as out:
        for row in rows(idl, int(seed)):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


main(*sys.argv[1:])
