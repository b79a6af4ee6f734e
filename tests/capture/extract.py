"""Turns tshark's JSON of DCE/RPC packets into fixture lines (see fsrvp.sh).

usage: extract.py TSHARK.json OUT.jsonl
"""

import json
import sys

FSRVP = "a8e0653c-2744-4389-a61d-7373df8b2292"
NAMES = ["GetSupportedVersion", "SetContext", "StartShadowCopySet", "AddToShadowCopySet", "CommitShadowCopySet",
         "ExposeShadowCopySet", "RecoveryCompleteShadowCopySet", "AbortShadowCopySet", "IsPathSupported",
         "IsPathShadowCopied", "GetShareMapping", "DeleteShareMapping", "PrepareShadowCopySet"]


def main(source, target):
    pipes, calls, records = {}, {}, {}
    for packet in json.load(open(source)):
        layers = packet["_source"]["layers"]

        def first(name):
            return layers.get(name, [""])[0]

        pipe = (first("tcp.stream"), first("smb2.fid"))
        kind = first("dcerpc.pkt_type")
        if kind == "11":
            pipes[pipe] = FSRVP in layers.get("dcerpc.cn_bind_to_uuid", [])
        if kind not in ("0", "2") or not pipes.get(pipe):
            continue
        if first("dcerpc.opnum") == "":
            continue
        opnum, stub = int(first("dcerpc.opnum")), first("dcerpc.stub_data").replace(":", "")
        big = first("dcerpc.drep.byteorder") == "0"
        record = {"opnum": opnum, "name": NAMES[opnum], "direction": "request" if kind == "0" else "response",
                  "syntax": "ndr", "endian": "big" if big else "little", "stub": stub}
        key = pipe + (first("dcerpc.cn_call_id"),)
        if kind == "0":
            calls[key] = record
        elif key in calls:
            # What the response answers, for decoders that need the request's values.
            record["request"] = calls[key]["stub"]
            record["request_endian"] = calls[key]["endian"]
        records[json.dumps(record)] = record
    rows = sorted(records.values(), key=lambda r: (r["opnum"], r["direction"], r["endian"], len(r["stub"]), r["stub"]))
    with open(target, "w") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
    print(len(rows), "records")


main(*sys.argv[1:])
