"""Accounts of the tests' domain: a user, and one account for each host with its services' names. Prints
the domain's SID.

domain_accounts.py SMB.CONF PASSWORD USER HOST:TYPES:FQDN...
"""

import sys

import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

configuration, password, user, *hosts = sys.argv[1:]
parameters = LoadParm()
parameters.load(configuration)
directory = SamDB(session_info=system_session(), lp=parameters)
directory.newuser(user, password)
print(directory.get_domain_sid())
for host in hosts:
    name, types, full_name = host.split(":")
    directory.newuser(name, password)
    found = directory.search(
        directory.domain_dn(), scope=ldb.SCOPE_SUBTREE, expression=f"(sAMAccountName={name})", attrs=[]
    )
    change = ldb.Message(found[0].dn)
    change["types"] = ldb.MessageElement(types, ldb.FLAG_MOD_REPLACE, "msDS-SupportedEncryptionTypes")
    names = [f"{service}/{full_name}" for service in ("host", "MSServerClusterMgmtAPI")]
    change["names"] = ldb.MessageElement(names, ldb.FLAG_MOD_REPLACE, "servicePrincipalName")
    directory.modify(change)
    # Keys are made of the types that the account has at that time.
    directory.setpassword(f"(sAMAccountName={name})", password, False)
