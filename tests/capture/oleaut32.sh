#!/bin/sh
# Writes ndr/tests/fixtures/oleaut32.txt: what Wine's marshallers of OLE Automation make of some values.
# Needs gcc-mingw-w64-x86-64-posix and wine64. For development only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
x86_64-w64-mingw32-gcc -O1 -w -o "$work/dump.exe" "$here/oleaut32.c" -loleaut32 -lole32 -luuid -lrpcrt4
WINEDEBUG=-all WINEPREFIX="$work/prefix" wine "$work/dump.exe" | tr -d '\r' > "$here/../../ndr/tests/fixtures/oleaut32.txt"
