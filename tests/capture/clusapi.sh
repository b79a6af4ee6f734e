#!/bin/sh
# Makes tests/fixtures/smbtorture/clusapi.jsonl: smbtorture's ClusAPI suite
# against capture.py in the three encodings. Needs python3, smbtorture.
# usage: clusapi.sh [PORT]            (from any folder; IDL=… for another IDL file)
set -u
here=$(cd "$(dirname "$0")" && pwd)
port=${1:-5997}
idl=${IDL:-$here/../../idl/clusapi3.idl}
out=$here/../fixtures/smbtorture/clusapi.jsonl
work=$(mktemp -d)
{
    echo '[global]'
    for folder in private lock state cache pid; do
        mkdir "$work/$folder"
    done
    echo "private dir = $work/private"
    for folder in lock state cache pid; do
        echo "$folder directory = $work/$folder"
    done
} > "$work/smb.conf"
rm -f "$out"
python3 "$here/capture.py" --port "$port" --out "$out" "$idl" & server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
sleep 1
for flags in "" ",bigendian" ",ndr64"; do
    binding="ncacn_ip_tcp:127.0.0.1[$port$flags]"
    for test in $(smbtorture -s "$work/smb.conf" -N -U% "$binding" --list rpc.clusapi | grep '^rpc\.'); do
        timeout 20 smbtorture -s "$work/smb.conf" --option=torture:dangerous=yes -N -U% "$binding" "$test" 2>&1 |
            grep -E '^(success|failure|error|skip)' -A1 | grep -v '^time' | tr '\n' ' '
        echo "$flags"
    done
done
kill $server
wait $server 2>/dev/null
wc -l "$out"
