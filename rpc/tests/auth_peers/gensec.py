#!/usr/bin/python3
"""Samba's GENSEC as one end of NTLM or SPNEGO, driven over stdin and stdout in hexadecimal.

usage: gensec.py client SMB_CONF MECHANISM FEATURES [DOMAIN USER PASSWORD]
       gensec.py server SMB_CONF MECHANISM FEATURES

MECHANISM is ntlmssp or spnego, FEATURES some of "sign,seal,dce". A client without an account is anonymous.
A server's SMB_CONF is that of a provisioned domain controller, whose accounts count. Commands, one to a
line, each answered by one line:

  update HEX    a step of the handshake      "more HEX" or "done HEX"
  sign HEX      a signature over the octets  "HEX"
  check HEX SIG                              "ok"
  wrap HEX      signature and sealed octets  "HEX"
  unwrap HEX                                 "HEX"
  key           the session key              "HEX"

What fails is answered by "bad" and the reason.
"""
import sys

from samba import auth, credentials, gensec, param

role, conf, mechanism, features = sys.argv[1:5]
account = sys.argv[5:8]
lp = param.LoadParm()
lp.load(conf)
creds = credentials.Credentials()
creds.set_kerberos_state(credentials.DONT_USE_KERBEROS)

if role == "client":
    if account:
        creds.set_domain(account[0])
        creds.set_username(account[1])
        creds.set_password(account[2])
        creds.set_workstation("PEER")
    else:
        creds.set_anonymous()
    g = gensec.Security.start_client({"lp_ctx": lp, "target_hostname": "server.example"})
else:
    from samba.auth import system_session
    from samba.samdb import SamDB

    creds.guess(lp)
    creds.set_machine_account(lp)
    samdb = SamDB(lp=lp, session_info=system_session(lp))
    context = auth.AuthContext(lp_ctx=lp, ldb=samdb, methods=["sam_ignoredomain"])
    g = gensec.Security.start_server({"lp_ctx": lp, "target_hostname": "server.example"}, context)

g.set_credentials(creds)
if "sign" in features.split(","):
    g.want_feature(gensec.FEATURE_SIGN)
if "seal" in features.split(","):
    g.want_feature(gensec.FEATURE_SEAL)
if "dce" in features.split(","):
    g.want_feature(gensec.FEATURE_DCE_STYLE)
g.start_mech_by_name(mechanism)


def execute(command, octets):
    if command == "update":
        done, token = g.update(octets[0] if octets else b"")
        return ("done " if done else "more ") + (token or b"").hex()
    if command == "sign":
        return g.sign_packet(octets[0], octets[0]).hex()
    if command == "check":
        g.check_packet(octets[0], octets[0], octets[1])
        return "ok"
    if command == "wrap":
        return g.wrap(octets[0]).hex()
    if command == "unwrap":
        return g.unwrap(octets[0]).hex()
    if command == "key":
        return g.session_key().hex()
    return "bad command"


for line in sys.stdin:
    name, *arguments = line.split()
    try:
        answer = execute(name, [bytes.fromhex(argument) for argument in arguments])
    except Exception as error:  # noqa: BLE001: whatever it is, the test wants to see it
        answer = "bad " + str(error).replace("\n", " ")
    print(answer, flush=True)
