//! `msrpc ping`.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use msrpc_ndr::Channel as _;
use msrpc_protocols::mgmt::mgmt;

use crate::{arguments::Ping, connect, failure::Failure};

/// Calls that are timed.
const CALLS: usize = 5;

pub(crate) async fn run(wanted: &Ping, timeout: Duration) -> Result<String, Failure> {
    let interface = connect::interface(wanted.interface)?;
    let binding = connect::complete(&wanted.binding, wanted.interface, &wanted.access, timeout).await?;
    let builder = connect::builder(&binding, &wanted.access, timeout)?;
    let start = Instant::now();
    let channel = builder.connect(interface).await.map_err(|error| Failure::from(error).at(&binding))?;
    let bound = start.elapsed();
    let (major, minor) = interface.version;
    let mut text = format!("{} {major}.{minor} is at {binding}\n", interface.name);
    let _ = writeln!(text, "connected and bound within {bound:.1?}, {}", syntax(&channel));
    // Only the management interface has calls that every server answers, and that change nothing.
    let management = match channel.bind(&mgmt::INTERFACE).await {
        Ok(management) => mgmt::Client::new(management),
        Err(error) => {
            let _ = writeln!(text, "no calls were timed, because there is no management interface: {error}");
            return Ok(text);
        }
    };
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let start = Instant::now();
        match management.rpc_mgmt_is_server_listening().await {
            Ok(0) => {
                text.push_str("the server says that it takes no calls\n");
                return Ok(text);
            }
            Ok(_) => times.push(start.elapsed()),
            Err(error) => {
                let _ = writeln!(text, "the server does not say whether it takes calls: {error}");
                return Ok(text);
            }
        }
    }
    times.sort_unstable();
    if let (Some(best), Some(median)) = (times.first(), times.get(CALLS / 2)) {
        let _ = writeln!(text, "{CALLS} calls: {best:.1?} at best, {median:.1?} in the median");
    }
    Ok(text)
}

fn syntax(channel: &msrpc::client::BoundChannel) -> &'static str {
    if channel.encoding().is_ndr64() { "NDR64" } else { "NDR" }
}
