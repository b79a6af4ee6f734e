//! What `rpc_mgmt_inq_stats` tells.

use msrpc_protocols::mgmt as wire;

use crate::metrics::ServerMetrics;

/// Calls received and made, packets received and sent, where the management interface has them. They
/// wrap around.
pub(super) fn of(metrics: &ServerMetrics) -> [u32; 4] {
    let mut statistics = [0; 4];
    let places = [
        wire::RPC_C_STATS_CALLS_IN,
        wire::RPC_C_STATS_CALLS_OUT,
        wire::RPC_C_STATS_PKTS_IN,
        wire::RPC_C_STATS_PKTS_OUT,
    ];
    for (place, total) in places.into_iter().zip(metrics.totals()) {
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| statistics.get_mut(place)) {
            let [a, b, c, d, ..] = total.to_le_bytes();
            *slot = u32::from_le_bytes([a, b, c, d]);
        }
    }
    statistics
}
