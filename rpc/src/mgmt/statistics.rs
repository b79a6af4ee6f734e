//! Counters of a server.

use std::sync::atomic::{AtomicU32, Ordering};

use msrpc_protocols::mgmt as wire;

/// What a server has received and sent. The counters wrap around.
#[derive(Debug, Default)]
pub struct Statistics {
    calls_in: AtomicU32,
    calls_out: AtomicU32,
    packets_in: AtomicU32,
    packets_out: AtomicU32,
}

impl Statistics {
    /// A call has been received.
    pub fn call_in(&self) {
        self.calls_in.fetch_add(1, Ordering::Relaxed);
    }

    /// The server itself has made a call. It is up to the program to say so.
    pub fn call_out(&self) {
        self.calls_out.fetch_add(1, Ordering::Relaxed);
    }

    /// A PDU has been received.
    pub fn packet_in(&self) {
        self.packets_in.fetch_add(1, Ordering::Relaxed);
    }

    /// A PDU has been sent.
    pub fn packet_out(&self) {
        self.packets_out.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters in the order of the management interface: calls received and made, packets
    /// received and sent.
    pub fn snapshot(&self) -> [u32; 4] {
        let mut counters = [0; 4];
        let all = [
            (wire::RPC_C_STATS_CALLS_IN, &self.calls_in),
            (wire::RPC_C_STATS_CALLS_OUT, &self.calls_out),
            (wire::RPC_C_STATS_PKTS_IN, &self.packets_in),
            (wire::RPC_C_STATS_PKTS_OUT, &self.packets_out),
        ];
        for (index, counter) in all {
            if let Some(slot) = usize::try_from(index).ok().and_then(|index| counters.get_mut(index)) {
                *slot = counter.load(Ordering::Relaxed);
            }
        }
        counters
    }
}
