//! Calls over TCP under load, beside the bare TCP limit and Samba: see `docs/performance.md`.
//!
//! Rows are a protection, a size of stubs and a load: so many connections, or so many calls in flight
//! on one. In each row three contend under one client: a bare TCP server that takes and gives as many
//! octets, our server, and Samba's. All rows and contenders take turns, round after round; what is
//! compared is compared round by round, because what else the machine does changes from one to the
//! next.
//!
//! `cargo bench --bench rpc -- [--rounds 15] [--millis 60] [--only TEXT]` prints tables, and behind
//! them the same as lines of JSON. `--only` takes the rows that have a text in their name.

mod bare;
mod calls;
mod cpu;
mod peers;
mod realm;
mod report;
mod row;
mod statistics;

use std::{io, time::Duration};

use tokio::runtime::{Builder, Runtime};

use self::{peers::Peers, realm::Kerberos, row::Row};

fn main() -> io::Result<()> {
    let kerberos = Kerberos::enter();
    let (rounds, millis) = (number("--rounds", 15), number("--millis", 60));
    let only = argument("--only").unwrap_or_default();
    let runtime = runtime()?;
    let peers = Peers::start(kerberos)?;
    let mut rows = runtime.block_on(Row::all(&peers, &only))?;
    for round in 0..=rounds {
        for row in &mut rows {
            // The first round warms up. Large stubs take their time.
            let counts = round > 0;
            if counts && round > row.most_rounds(rounds) {
                continue;
            }
            runtime.block_on(row.run(Duration::from_millis(millis), counts))?;
        }
    }
    report::print(&rows, &peers);
    Ok(())
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number(name: &str, default: u64) -> u64 {
    argument(name).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
