//! The client against file servers to a script.

mod fake;
mod later;
mod sequence;

use std::future::pending;

use uuid::Uuid;

use self::fake::{Net, Unreachable};
use super::{CreateRequest, Progress, ShadowCopySet, SnapshotClient, SnapshotError};
use crate::fsrvp::{Context, ShareUnc};

/// What methods are called, in the order of the sequence: name and opnum.
const SEQUENCE: [(&str, u16); 10] = [
    ("IsPathSupported", 8),
    ("GetSupportedVersion", 0),
    ("SetContext", 1),
    ("StartShadowCopySet", 2),
    ("AddToShadowCopySet", 3),
    ("PrepareShadowCopySet", 12),
    ("CommitShadowCopySet", 4),
    ("ExposeShadowCopySet", 5),
    ("GetShareMapping", 10),
    ("RecoveryCompleteShadowCopySet", 6),
];

fn request(shares: &[&str]) -> CreateRequest {
    let shares = shares.iter().map(|share| ShareUnc::parse(share).unwrap());
    CreateRequest { id: Uuid::from_u128(99), ..CreateRequest::new(shares, Context::NAS_ROLLBACK) }
}

async fn create(net: &Net, shares: &[&str]) -> Result<Vec<ShadowCopySet>, SnapshotError<Unreachable>> {
    SnapshotClient::new(net.clone()).create(&request(shares), |_: Progress<'_>| {}, pending()).await
}
