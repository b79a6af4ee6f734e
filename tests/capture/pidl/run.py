#!/usr/bin/env python3
"""Makes codegen/tests/golden/shapes.jsonl: stubs that Samba's code wrote.

Samba's pidl generates C for shapes.idl; that code reads the stubs of a file
(`SHAPES_OUT=FILE cargo test -p midlc-golden --test shapes`) and writes them
again. What it writes is kept.

Needs Samba's source (`apt-get source samba`) for pidl, and the Debian packages
libparse-yapp-perl, samba-dev and gcc.

usage: run.py PIDL_FOLDER STUBS OUT.jsonl
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
IDL = HERE / "../../../codegen/tests/golden/shapes.idl"
# pidl's names of the same types; a character of MIDL is an octet.
WORDS = [(r"\bchar\b", "uint8"), (r"unsigned __int3264", "uint3264"), (r"unsigned long", "uint32"), (r"\blong\b", "int32"), (r"\bshort\b", "int16"),
         (r"\[string\] wchar_t \*", "[string,charset(UTF16)] uint16 *"), (r"uuid\(([-0-9a-f]*)\)", r'uuid("\1")'),
         (r"    void (?=[A-Z])", "    void shapes_"), (r"struct TREE \*", "TREE *"), (r"struct TREE \{", "struct {")]


def build(pidl, folder):
    text = IDL.read_text()
    for pattern, replacement in WORDS:
        text = re.sub(pattern, replacement, text)
    (folder / "shapes.idl").write_text(text)
    subprocess.run(["perl", f"-I{pidl}/lib", f"{pidl}/pidl", f"--outputdir={folder}", f"--ndr-parser={folder}/ndr_shapes.c",
                    f"--header={folder}/shapes.h", "--", str(folder / "shapes.idl")], check=True, stdout=subprocess.DEVNULL)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "ndr", "talloc"], check=True, capture_output=True, text=True)
    subprocess.run(["cc", "-O1", "-w", f"-I{folder}", "-include", "stdbool.h", "-o", str(folder / "peer"), str(HERE / "peer.c"),
                    str(folder / "ndr_shapes.c"), *flags.stdout.split()], check=True)


def main(pidl, stubs, target):
    rows = [json.loads(line) for line in Path(stubs).read_text().splitlines()]
    lines = [" ".join([str(row["opnum"]), row["side"], row["flags"], row["stub"], row.get("request", "")]) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        build(Path(pidl), folder)
        answer = subprocess.run([str(folder / "peer")], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    different = 0
    with open(target, "w") as out:
        for row, written in zip(rows, answer.stdout.splitlines(), strict=True):
            if written.startswith("!") or written != row["stub"]:
                different += 1
                print(row["opnum"], row["side"], row["flags"], f"\n  ours  {row['stub']}\n  Samba {written}")
            if not written.startswith("!"):
                out.write(json.dumps({"opnum": row["opnum"], "side": row["side"], "flags": row["flags"], "stub": written}) + "\n")
    print(f"{len(rows)} stubs, {different} of them otherwise in Samba")


main(*sys.argv[1:])
