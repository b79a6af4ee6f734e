//! `msrpc negotiate`.

use std::time::Duration;

use comfy_table::{Table, presets::NOTHING};
use msrpc::{
    auth::{
        ntlm::{self, AvId, Challenge},
        spnego,
    },
    binding::{BindingOption, StringBinding},
    client::{BoundChannel, ClientBuilder, ConnectError},
    pdu::{BindFeatures, NakReason, RejectReason},
};
use msrpc_ndr::{AuthLevel, Interface};

use crate::{
    arguments::{Access, Negotiate},
    connect, endpoints,
    failure::Failure,
    probe::{self, Probe},
};

/// Security providers that are looked for ([MS-RPCE] 2.2.1.1.7).
const PROVIDERS: &[(u8, &str)] = &[(spnego::AUTH_TYPE, "SPNEGO"), (ntlm::AUTH_TYPE, "NTLM"), (16, "Kerberos")];

pub(crate) async fn run(wanted: &Negotiate, timeout: Duration) -> Result<String, Failure> {
    let interface = connect::interface(wanted.interface)?;
    let binding = connect::complete(&wanted.binding, wanted.interface, &wanted.access, timeout).await?;
    let builder = connect::builder(&binding, &wanted.access, timeout)?.configure(ask_for_all);
    let channel = builder.connect(interface).await.map_err(|error| Failure::from(error).at(&binding))?;
    let (major, minor) = interface.version;
    let mut rows = vec![("server", binding.to_string()), ("interface", format!("{} {major}.{minor}", interface.name))];
    rows.extend(negotiated(&channel, wanted.access.user.is_some()));
    drop(channel);
    for (title, option) in [("NDR", "ndr32"), ("NDR64", "ndr64"), ("big-endian NDR", "bigendian")] {
        rows.push((title, syntax(&binding, option, interface, &wanted.access, timeout).await?));
    }
    for &(auth_type, name) in PROVIDERS {
        rows.push((name, provider(&binding, auth_type, interface, timeout).await));
    }
    let mut table = Table::new();
    table.load_preset(NOTHING);
    rows.iter().for_each(|(title, value)| {
        table.add_row([*title, value.as_str()]);
    });
    Ok(endpoints::text(table))
}

/// Offers whatever a server may agree to.
fn ask_for_all(config: &mut msrpc::association::ClientConfig) {
    config.max_frag = u16::MAX;
    config.features = BindFeatures::SECURITY_CONTEXT_MULTIPLEXING | BindFeatures::KEEP_CONNECTION_ON_ORPHAN;
    config.multiplexed = true;
}

fn negotiated(channel: &BoundChannel, authenticated: bool) -> Vec<(&'static str, String)> {
    channel.connection().inspect(|association| {
        let features = association.features();
        let names = [
            (BindFeatures::SECURITY_CONTEXT_MULTIPLEXING, "several security contexts"),
            (BindFeatures::KEEP_CONNECTION_ON_ORPHAN, "connection outlives orphaned calls"),
        ];
        let mut agreed: Vec<_> =
            names.into_iter().filter(|(bit, _)| features.contains(*bit)).map(|(_, name)| name.to_owned()).collect();
        let unknown = features - BindFeatures::SECURITY_CONTEXT_MULTIPLEXING - BindFeatures::KEEP_CONNECTION_ON_ORPHAN;
        if !unknown.is_empty() {
            agreed.push(format!("{:#06x}", unknown.bits()));
        }
        let features = if agreed.is_empty() { "none".to_owned() } else { agreed.join(", ") };
        let mut rows = vec![
            ("fragments up to", format!("{} octets", association.max_xmit_frag())),
            ("association group", format!("{:#010x}", association.group())),
            ("concurrent calls", yes(association.is_multiplexed())),
            ("bind-time features", features),
        ];
        if authenticated {
            rows.push(("header signing", yes(association.signs_headers())));
        }
        rows
    })
}

fn yes(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

/// Whether the server takes only this encoding, too.
async fn syntax(
    binding: &StringBinding,
    option: &str,
    interface: &'static Interface,
    access: &Access,
    timeout: Duration,
) -> Result<String, Failure> {
    let mut only = binding.clone();
    only.options.retain(|option| !["ndr32", "ndr64", "bigendian"].contains(&option.name.as_str()));
    let mut add = |name: &str| only.options.push(BindingOption { name: name.to_owned(), value: None });
    if option == "bigendian" {
        add("ndr32");
    }
    add(option);
    match connect::builder(&only, access, timeout)?.connect(interface).await {
        Ok(_) => Ok(yes(true)),
        Err(ConnectError::InterfaceRefused { reason: RejectReason::TRANSFER_SYNTAXES, .. }) => Ok(yes(false)),
        Err(error) => Ok(format!("no: {error}")),
    }
}

/// Whether the server has a security provider, found out with one token and no credentials.
async fn provider(binding: &StringBinding, auth_type: u8, interface: &'static Interface, timeout: Duration) -> String {
    let mut plain = binding.clone();
    plain.options.clear();
    let (context, answer) = Probe::new(auth_type);
    // One connection, one context.
    let context = std::sync::Mutex::new(Some(context));
    let builder = ClientBuilder::new(plain).connect_timeout(timeout).level(AuthLevel::Integrity);
    let builder = builder.authenticate(move |_| {
        let taken = context.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        Box::new(taken.unwrap_or_else(|| Probe::new(auth_type).0))
    });
    let outcome = builder.connect(interface).await;
    if let Some(token) = probe::take(&answer) {
        return match describe(auth_type, &token) {
            Some(about) => format!("offered ({about})"),
            None => "offered".to_owned(),
        };
    }
    match outcome {
        Ok(_) => "not asked for: the server binds without".to_owned(),
        Err(error) => match error.nak() {
            Some(NakReason::AUTH_TYPE_NOT_RECOGNIZED) => "not offered".to_owned(),
            Some(NakReason::INVALID_CHECKSUM) => "offered (the probe was refused)".to_owned(),
            Some(reason) => format!("unclear, the bind was refused: {reason}"),
            None => format!("unclear: {error}"),
        },
    }
}

/// Who an NTLM server says it is.
fn describe(auth_type: u8, token: &[u8]) -> Option<String> {
    if auth_type != ntlm::AUTH_TYPE {
        return None;
    }
    let challenge = Challenge::parse(token).ok()?;
    let names =
        [("computer", AvId::NB_COMPUTER_NAME), ("domain", AvId::NB_DOMAIN_NAME), ("DNS name", AvId::DNS_COMPUTER_NAME)];
    let text = |(title, id)| {
        let name = challenge.target_info.text(id).ok()??;
        // What a peer says of itself goes to a terminal.
        (!name.is_empty()).then(|| format!("{title} {}", name.escape_debug()))
    };
    let parts: Vec<_> = names.into_iter().filter_map(text).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
