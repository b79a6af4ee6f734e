//! How far a snapshot is, on a bar.

use indicatif::ProgressBar;
use msrpc_cluster::fsrvp::client::Progress;

pub(super) fn show(bar: &ProgressBar, progress: &Progress<'_>) {
    bar.set_length(u64::try_from(progress.total).unwrap_or(0));
    bar.set_position(u64::try_from(progress.completed).unwrap_or(0));
    if !progress.done {
        let share = progress.share.map(|share| format!("{share}: ")).unwrap_or_default();
        bar.set_message(format!("{share}{} on {}", progress.step, progress.server));
    }
}
