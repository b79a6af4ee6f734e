//! From arguments to connections.

use std::{env, fs, time::Duration};

use msrpc::{
    auth::kerberos::KerberosCredentials,
    binding::{Protocol, StringBinding},
    client::ClientBuilder,
    epm::{self, Mapper},
};
use msrpc_ndr::Interface;
use msrpc_protocols::mgmt::mgmt;

use crate::{
    arguments::Access,
    failure::{Failure, Kind},
    known::Named,
};

/// The interface asked about: the management interface, unless another is named.
pub(crate) fn interface(named: Option<Named>) -> Result<&'static Interface, Failure> {
    named.map_or(Ok(&mgmt::INTERFACE), |named| named.interface().map_err(|error| Failure::new(Kind::Usage, error)))
}

/// The binding with its endpoint: the endpoint mapper's, where it has none. Where nothing but the
/// host is known, that is the mapper itself.
pub(crate) async fn complete(
    binding: &StringBinding,
    named: Option<Named>,
    access: &Access,
    timeout: Duration,
) -> Result<StringBinding, Failure> {
    if binding.endpoint.is_some() || binding.protocol != Protocol::Tcp {
        return Ok(binding.clone());
    }
    let mapper_port = access.mapper.to_string();
    let endpoint = match named {
        Some(named) if named.uuid != msrpc_protocols::epm::ept::INTERFACE.uuid => {
            let mapper = Mapper::connect_within(&binding.host, access.mapper, timeout)
                .await
                .map_err(|error| Failure::from(error).at(&binding.host))?;
            let towers = mapper.map(interface(Some(named))?, &Protocol::Tcp, binding.object).await;
            towers
                .map_err(|error| match error {
                    epm::MapError::NotRegistered { .. } => Failure::new(
                        Kind::Refused,
                        format_args!(
                            "{} has no TCP endpoint of {named} registered: is the service running? \
                         `msrpc endpoints {}` lists what there is",
                            binding.host, binding.host
                        ),
                    ),
                    error => error.into(),
                })?
                .first()
                .and_then(|tower| tower.address.endpoint())
                .unwrap_or(mapper_port)
        }
        _ => mapper_port,
    };
    Ok(StringBinding { endpoint: Some(endpoint), ..binding.clone() })
}

/// A client with the credentials that were given.
pub(crate) fn builder(binding: &StringBinding, access: &Access, timeout: Duration) -> Result<ClientBuilder, Failure> {
    let builder =
        ClientBuilder::new(binding.clone()).connect_timeout(timeout).call_timeout(timeout).mapper_port(access.mapper);
    let kerberos = access.kerberos || access.ccache.is_some() || access.keytab.is_some() || binding.has("krb5");
    match (&access.user, kerberos) {
        (None, false) if binding.auth_level().is_some() => {
            Err(Failure::new(Kind::Usage, "the binding asks for authentication: add --user, or --kerberos"))
        }
        (None, false) => Ok(builder),
        (None, true) => Ok(builder.kerberos(match &access.ccache {
            Some(cache) => KerberosCredentials::cache(cache),
            None => KerberosCredentials::default_cache(),
        })),
        (Some(user), false) => Ok(builder.credentials(user, &password(access)?)),
        (Some(user), true) => {
            if let Some(keytab) = &access.keytab {
                return Ok(builder.kerberos(KerberosCredentials::keytab(keytab, user)));
            }
            let password = password(access)?;
            let builder = builder.kerberos(KerberosCredentials::password(user, password.as_str()));
            Ok(if access.or_ntlm { builder.credentials(user, &password) } else { builder })
        }
    }
}

fn password(access: &Access) -> Result<String, Failure> {
    match &access.password_file {
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| Failure::new(Kind::Usage, format_args!("{}: {error}", path.display())))?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        }
        None => env::var("MSRPC_PASSWORD").map_err(|_| {
            Failure::new(Kind::Usage, "there is no password: set MSRPC_PASSWORD, or give --password-file")
        }),
    }
}
