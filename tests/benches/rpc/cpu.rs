//! The processor time of this process: client, our server, and the bare one.

use std::{fs, ops::Sub};

/// Clock ticks (10 ms) in user space and in the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ticks {
    pub(super) user: u64,
    pub(super) system: u64,
}

impl Ticks {
    /// What has been used so far; nothing where the system does not say.
    pub(super) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name of the process may hold anything, a parenthesis too: fields are counted behind it.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
        let field = |index| fields.split_whitespace().nth(index).and_then(|field| field.parse().ok()).unwrap_or(0);
        Self { user: field(11), system: field(12) }
    }

    /// The kernel's share of the time; `None` if there is too little to say.
    pub(super) fn in_kernel(self) -> Option<f64> {
        let all = self.user + self.system;
        (all >= 20).then(|| self.system as f64 / all as f64)
    }
}

impl Sub for Ticks {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { user: self.user.saturating_sub(earlier.user), system: self.system.saturating_sub(earlier.system) }
    }
}

impl std::ops::AddAssign for Ticks {
    fn add_assign(&mut self, other: Self) {
        self.user += other.user;
        self.system += other.system;
    }
}
