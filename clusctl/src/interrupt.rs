//! Ctrl-C and SIGTERM: the first lets the command end cleanly, the second ends it.

use std::{io, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

use crate::failure::Kind;

/// What is ready once somebody wants the command to end. Until then signals end it at once.
pub(crate) fn interrupted() -> io::Result<impl Future<Output = ()> + Send> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let first = Arc::new(Notify::new());
    let noticed = first.clone();
    tokio::spawn(async move {
        for nth in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if nth > 0 {
                eprintln!("clusctl: left at once; the server removes what was begun within 30 minutes");
                std::process::exit(Kind::Interrupted as i32);
            }
            eprintln!("clusctl: aborting what was begun; once more to leave at once");
            noticed.notify_one();
        }
    });
    Ok(async move { first.notified().await })
}
