#!/usr/bin/env python3
"""Answers RPC calls over TCP with made-up successes and records the requests.

A tool for development: it made the files in tests/fixtures/smbtorture, and is
no part of any test run. It accepts every interface that its IDL files
describe, NDR and NDR64, either byte order, without authentication, and answers
each call with a response that means success (statuses 0, fresh handles, one
name everywhere), so that a test suite walks on to its next call.

usage: capture.py --port PORT --out FILE.jsonl IDL...

The IDL files are read by midl_ndr.py. Stop it with SIGTERM or SIGINT: the file
is written then, sorted and without duplicates. Records that the file held
before are kept, so that several runs add up.
"""

import argparse
import json
import re
import signal
import socket
import struct
import sys
import threading
import uuid
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
import midl_ndr  # noqa: E402

NDR = "8a885d04-1ceb-11c9-9fe8-08002b104860"
NDR64 = "71710533-beba-4937-8319-b5dbef9ccc36"
FEATURES = "6cb71c2c-9812-4540-"  # bind-time feature negotiation
REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, ALTER, ALTER_ACK, AUTH3 = 0, 2, 3, 11, 12, 14, 15, 16
UNKNOWN_OPERATION = 0x1C010002

INVALID_FUNCTION, INVALID_PARAMETER, NOT_IMPLEMENTED, MORE_DATA, NO_MORE_ITEMS = 1, 87, 120, 234, 259
RESOURCE_NOT_FOUND, PROPERTIES_STORED, TYPE_NOT_FOUND = 5007, 5024, 5078
EXPECTED = {  # what Windows answers to smbtorture, according to its assertions
    "ApiSetClusterName": PROPERTIES_STORED,
    "ApiGetClusterVersion": NOT_IMPLEMENTED,
    "ApiBackupClusterDatabase": NOT_IMPLEMENTED,
    "ApiSetServiceAccountPassword": NOT_IMPLEMENTED,
}


def load(paths):
    """Interface UUID to parsed IDL."""
    interfaces = {}
    for path in paths:
        text = Path(path).read_text()
        where = re.search(r"^\s*interface\s+(\w+)", text, flags=re.M)
        number = re.search(r"uuid\s*\(\s*([0-9A-Fa-f-]{36})", text).group(1).lower()
        idl = midl_ndr.Idl(text[where.start():])
        idl.name = where.group(1)
        interfaces[number] = idl
    return interfaces


class Recorder:
    def __init__(self, path):
        self.path, self.lock = Path(path), threading.Lock()
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.records = {line: None for line in lines}

    def add(self, **record):
        with self.lock:
            self.records.setdefault(json.dumps(record))

    def save(self):
        with self.lock:
            rows = sorted((json.loads(line) for line in self.records),
                          key=lambda r: (r["opnum"], r["direction"], r["syntax"], r["endian"], len(r["stub"]), r["stub"]))
            self.path.write_text("".join(json.dumps(row) + "\n" for row in rows))


class Connection(threading.Thread):
    def __init__(self, stream, interfaces, recorder):
        super().__init__(daemon=True)
        self.stream, self.interfaces, self.recorder = stream, interfaces, recorder
        self.contexts, self.stub, self.maker = {}, b"", midl_ndr.Maker()

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.stream.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def run(self):
        try:
            while True:
                self.pdu()
        except (EOFError, ConnectionError):
            self.stream.close()

    def pdu(self):
        head = self.read(16)
        self.order = "<" if head[4] & 0x10 else ">"
        kind, flags = head[2], head[3]
        length, auth, call = struct.unpack(self.order + "HHI", head[8:])
        body = self.read(length - 16)
        if auth:
            body = body[:-auth - 8]
        if kind in (BIND, ALTER):
            self.bind(head, body, call, BIND_ACK if kind == BIND else ALTER_ACK)
        elif kind == REQUEST:
            skip = 24 if flags & 0x80 else 8
            context, opnum = struct.unpack(self.order + "HH", body[4:8])
            self.stub = (b"" if flags & 1 else self.stub) + body[skip:]
            if flags & 2:
                self.request(head, call, context, opnum, self.stub)

    def send(self, head, kind, flags, call, body):
        packet = head[:2] + bytes([kind, flags]) + head[4:8]
        packet += struct.pack(self.order + "HHI", 16 + len(body), 0, call) + body
        self.stream.sendall(packet)

    def syntax(self, raw):
        number = uuid.UUID(bytes_le=raw[:16]) if self.order == "<" else uuid.UUID(bytes=raw[:16])
        return str(number), raw[16:20]

    def bind(self, head, body, call, kind):
        results, at = b"", 12
        for _ in range(body[8]):
            number, count = struct.unpack(self.order + "HB", body[at:at + 3])
            interface, _ = self.syntax(body[at + 4:at + 24])
            at += 24
            result, reason, chosen = 2, 2, bytes(20)  # provider rejection: no syntax
            for _ in range(count):
                transfer, _ = self.syntax(body[at:at + 20])
                if interface in self.interfaces and transfer in (NDR, NDR64):
                    self.contexts[number] = (self.interfaces[interface], transfer == NDR64)
                    result, reason, chosen = 0, 0, body[at:at + 20]
                elif transfer.startswith(FEATURES):
                    result, reason = 3, 0
                at += 20
            results += struct.pack(self.order + "HH", result, reason) + chosen
        port = b"" if kind == ALTER_ACK else str(self.stream.getsockname()[1]).encode() + b"\0"
        ack = struct.pack(self.order + "HHIH", 5840, 5840, 0x1234, len(port)) + port
        ack += bytes(-len(ack) % 4) + bytes([body[8], 0, 0, 0]) + results
        self.send(head, kind, 3, call, ack)

    def request(self, head, call, context, opnum, stub):
        idl, ndr64 = self.contexts[context]
        self.ndr64, big = ndr64, self.order == ">"
        operation = idl.operations[opnum] if opnum < len(idl.operations) else None
        self.recorder.add(opnum=opnum, name=operation.name if operation else "", direction="request",
                          syntax="ndr64" if ndr64 else "ndr", endian="big" if big else "little", stub=stub.hex())
        if operation is None:
            self.send(head, FAULT, 3, call, struct.pack(self.order + "IHHII", 0, context, 0, UNKNOWN_OPERATION, 0))
            return
        # The request is not decoded: a buffer size is the last [in] parameter wherever there is one.
        asked = self.maker.request(operation)
        last = (operation.side("in") or [None])[-1]
        if last and isinstance(last.type, midl_ndr.Int) and last.type.size == 4 and len(stub) >= 4:
            asked[last.name] = struct.unpack(self.order + "I", stub[-4:])[0]
        answer = self.maker.response(operation, asked)
        self.adjust(operation, stub, answer)
        data = midl_ndr.encode(operation.side("out"), answer, asked, ndr64, big)
        while True:
            part, data = data[:5000], data[5000:]
            first, last = 0 if self.stub is None else 1, 0 if data else 2
            self.send(head, RESPONSE, first | last, call,
                      struct.pack(self.order + "IHH", len(part), context, 0) + part)
            self.stub = None
            if last:
                self.stub = b""
                return

    def adjust(self, operation, stub, answer):
        """What the test suite needs to see before it goes on to its next call."""
        name = operation.name

        def word(at):
            return struct.unpack(self.order + "I", stub[at:at + 4])[0]

        status = 0
        if name.startswith("ApiClose"):
            answer[operation.params[0].name] = midl_ndr.Handle(20)
        elif name in ("ApiEnumKey", "ApiEnumValue") and word(20) >= 2:
            status = NO_MORE_ITEMS
        elif name in ("ApiCreateEnum", "ApiCreateEnumEx"):
            kind = word(20 if name.endswith("Ex") else 0)
            status = INVALID_PARAMETER if kind in (0x40, 0x80, 0x100) else 0
            for value in answer.values():
                if isinstance(value, dict):
                    for entry in value["Entry"]:
                        entry["Type"] = kind
        elif name.endswith("Control") and "lpcbRequired" in answer:
            at = 20 * sum(isinstance(p.type, midl_ndr.Context) for p in operation.params)
            if name == "ApiResourceTypeControl":
                at = (at + 12 + 2 * word(at) + 3) & ~3 if not self.ndr64 else (48 + 2 * word(24) + 3) & ~3
            code = word(at)
            if code == 0:
                status = INVALID_FUNCTION
            elif word(len(stub) - 4) == 0:
                status, answer["lpcbRequired"] = MORE_DATA, 8
        elif name == "ApiQueryValue" and word(len(stub) - 4) == 0:
            status, answer["lpcbRequired"] = MORE_DATA, 8
        elif name == "ApiGetClusterVersion2":
            answer["lpwMajorVersion"] = 10
        elif name == "ApiCreateResTypeEnum" and self.unknown(stub):
            status = TYPE_NOT_FOUND
        elif name.startswith("ApiOpen") and self.unknown(stub) and "Status" in answer:
            answer["return_value"], answer["Status"] = midl_ndr.Handle(20), RESOURCE_NOT_FOUND
            return
        if name in EXPECTED:
            status = EXPECTED[name]
        if status:
            answer["return_value"] = status

    def unknown(self, stub):
        units = "utf-16-be" if self.order == ">" else "utf-16-le"
        return any(s.encode(units) in stub for s in ("jfUF38", "INVALID_TYPE")) or len(stub) in (14, 26)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--out", required=True)
    arguments.add_argument("idl", nargs="+")
    given = arguments.parse_args()
    recorder = Recorder(given.out)

    def stop(*_):
        recorder.save()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    interfaces = load(given.idl)
    listener = socket.create_server(("127.0.0.1", given.port))
    while True:
        stream, _ = listener.accept()
        Connection(stream, interfaces, recorder).start()


if __name__ == "__main__":
    main()
