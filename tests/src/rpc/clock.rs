//! The time of day as srvsvc tells it: the call that Samba's speed is compared by.

use std::time::SystemTime;

use msrpc_ndr::{Call, Outcome, WString, Win32Error};

use super::interfaces::srvsvc::{TimeOfDayInfo, srvsvc::Server};

/// A server of `NetrRemoteTOD`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Server for Clock {
    async fn netr_remote_tod(
        &self,
        _call: &Call,
        _server_name: Option<WString>,
    ) -> Outcome<Option<TimeOfDayInfo>, Win32Error> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        Ok(Some(TimeOfDayInfo {
            tod_elapsedt: seconds,
            tod_hours: seconds / 3600 % 24,
            tod_mins: seconds / 60 % 60,
            tod_secs: seconds % 60,
            tod_hunds: now.subsec_millis() / 10,
            tod_tinterval: 310,
            ..TimeOfDayInfo::default()
        }))
    }
}
