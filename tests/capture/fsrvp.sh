#!/bin/bash
# Makes tests/fixtures/smbtorture/fsrvp.jsonl: smbtorture's FSRVP suite against
# Samba's own FSRVP server, both sides captured on loopback with tshark.
# Needs root, samba, samba-vfs-modules, samba-testsuite, tshark, python3, port 4451.
# (Samba's server knows no NDR64.)
# usage: fsrvp.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../fixtures/smbtorture/fsrvp.jsonl
work=$(mktemp -d /tmp/fsrvp.XXXXXX)
chmod 755 "$work"
for folder in private lock state cache pid client ncalrpc; do mkdir "$work/$folder"; done
mkdir -p "$work/share/.snapshots"; chmod 777 "$work/share" "$work/share/.snapshots"

cat > "$work/snapshot" <<END
#!/bin/sh
case "\$1" in
--check) echo "\$2" ;;
--create) until d="$work/share/.snapshots/@GMT-\$(date -u +%Y.%m.%d-%H.%M.%S)"; mkdir "\$d" 2>/dev/null; do sleep 0.2; done
    chmod 777 "\$d"; echo "\$d" ;;
--delete) rm -rf "\$3" ;;
esac
END
chmod 755 "$work/snapshot"

folders="private dir = $work/private
lock directory = $work/lock
state directory = $work/state
cache directory = $work/cache
pid directory = $work/pid
ncalrpc dir = $work/ncalrpc"
cat > "$work/smb.conf" <<END
[global]
netbios name = PEERSMB
$folders
log file = $work/log
passdb backend = tdbsam:$work/private/passdb.tdb
interfaces = 127.0.0.1/8
bind interfaces only = yes
smb ports = 4451
disable netbios = yes
registry shares = yes
include = registry
rpc_server:fssagentrpc = external
rpc_daemon:fssd = fork
rpc start on demand helpers = yes
fss:prune stale = yes
fss:sequence timeout = 1
load printers = no
printcap name = /dev/null
disable spoolss = yes
[fsrvp_share]
path = $work/share
read only = no
vfs objects = shell_snap shadow_copy2
shell_snap:check path command = $work/snapshot --check
shell_snap:create command = $work/snapshot --create
shell_snap:delete command = $work/snapshot --delete
shadow:snapdir = $work/share/.snapshots
END
printf '[global]\n%s\n' "${folders//$work\//$work/client/}" > "$work/client.conf"
printf 'Passw0rd\nPassw0rd\n' | smbpasswd -c "$work/smb.conf" -s -a root > "$work/smbpasswd.out" 2>&1

setsid smbd -F --no-process-group --debug-stdout -s "$work/smb.conf" > "$work/smbd.out" 2>&1 & smbd=$!
tshark -q -i lo -f 'tcp port 4451' -w "$work/all.pcap" 2> "$work/tshark.err" & tshark=$!
sleep 3
for flags in "" "[bigendian]"; do
    for test in enum_created share_sd sc_share_io bad_id sc_set_abort create_simple set_ctx get_version is_path_supported; do
        timeout 60 smbtorture -s "$work/client.conf" -p 4451 -U root%Passw0rd "ncacn_np:127.0.0.1$flags" "rpc.fsrvp.fsrvp.$test" \
            > "$work/torture.out" 2>&1
        grep -E -A1 '^(success|failure|skip|error)' "$work/torture.out" | grep -v '^time' | tr '\n' ' '; echo "$flags"
    done
done
# Two operations that smbtorture does not send (rpcclient does, and only little-endian).
for command in 'fss_has_shadow_copy fsrvp_share' 'fss_recovery_complete 0f8a3b52-7c1d-4e6f-9a2b-3c4d5e6f7a8b'; do
    rpcclient -s "$work/client.conf" -p 4451 -U root%Passw0rd 127.0.0.1 -c "$command" > "$work/rpcclient.out" 2>&1
    echo "rpcclient $command: $(tail -n 1 "$work/rpcclient.out")"
done
sleep 1
kill -INT $tshark; wait $tshark 2>/dev/null
kill $smbd; wait $smbd 2>/dev/null
for file in "$work"/pid/samba-dcerpcd*.pid; do [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null; done

# Without its own dissector, tshark leaves the stubs of an interface whole.
tshark -r "$work/all.pcap" -d tcp.port==4451,nbss --disable-protocol fsrvp -Y 'dcerpc.pkt_type==0 || dcerpc.pkt_type==2 || dcerpc.pkt_type==11' \
    -T json -e tcp.stream -e smb2.fid -e dcerpc.pkt_type -e dcerpc.drep.byteorder -e dcerpc.cn_call_id -e dcerpc.opnum -e dcerpc.stub_data \
    -e dcerpc.cn_ctx_id -e dcerpc.cn_bind_to_uuid -e dcerpc.cn_bind_trans_id > "$work/all.json" 2> "$work/tshark2.err"
python3 "$here/extract.py" "$work/all.json" "$out"
if [ "${KEEP:-}" ]; then echo "kept $work"; else rm -rf "$work"; fi
