//! Who may do what: SIDs, security descriptors and their text form, and the access check
//! (\[MS-DTYP\] 2.4 and 2.5).

mod access;
mod account;
mod descriptor;
mod sddl;
mod sid;

pub use access::{AccessMask, GenericMapping, Token};
pub use account::is_account;
pub use descriptor::{Ace, AceBody, Acl, Control, DescriptorError, SecurityDescriptor, SecurityInformation};
pub use sddl::SddlError;
pub use sid::{Sid, SidError};
