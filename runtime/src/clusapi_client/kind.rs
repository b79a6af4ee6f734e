//! What all kinds of object that have handles have in common.

use msrpc_ndr::{Bytes, CallError, Channel, ClientHandle, WString, Win32Error};
use msrpc_protocols::clusapi3::{self as types, clusapi::Client};

use super::error::Cause;

/// What a handle is opened for (\[MS-CMRP\] 3.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look: GENERIC_READ.
    Read,
    /// To change: all access, as handles have that are opened without saying.
    All,
}

/// `GENERIC_READ`
const GENERIC_READ: u32 = 0x8000_0000;

/// One of an object's four property lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PropertySet {
    /// Common properties that may be changed.
    Common,
    /// Common properties that may not.
    CommonReadOnly,
    /// Private properties that may be changed.
    Private,
    /// Private properties that may not.
    PrivateReadOnly,
}

impl PropertySet {
    /// The control code that reads the list, of the object whose codes begin with `object`
    /// (\[MS-CMRP\] 3.1.4.2.74 and the others).
    pub(super) fn get(self, object: u32) -> u32 {
        let function = match self {
            Self::Common => 0x59,
            Self::CommonReadOnly => 0x55,
            Self::Private => 0x81,
            Self::PrivateReadOnly => 0x7d,
        };
        object << 24 | function
    }

    /// The control code that changes what is in the list; `None` where nothing may be changed.
    pub(super) fn set(self, object: u32) -> Option<u32> {
        match self {
            Self::Common => Some(object << 24 | 0x0040_005e),
            Self::Private => Some(object << 24 | 0x0040_0086),
            _ => None,
        }
    }
}

/// What a control code answers: the octets, and how large the buffer has to be.
pub(super) type Control = Result<(Bytes, u32), CallError<u32, Win32Error>>;

/// A kind of object: the marker of its handles, and the methods that all kinds have.
///
/// It is implemented for the generated handle types (`HgroupRpc` and the others), and cannot be
/// implemented for more.
pub trait ObjectKind: sealed::Methods {
    /// What people call it: "group".
    const NAME: &'static str;
    /// The upper octet of its control codes.
    const CONTROL: u32;
}

pub(super) mod sealed {
    use super::*;

    /// The methods of \[MS-CMRP\] that each kind has under a name of its own.
    pub trait Methods: Sized + Send + Sync + 'static {
        fn open<C: Channel>(
            client: &Client<C>,
            name: &str,
            access: Access,
        ) -> impl Future<Output = Result<ClientHandle<Self>, Cause>> + Send;

        fn close<C: Channel>(
            client: &Client<C>,
            handle: ClientHandle<Self>,
        ) -> impl Future<Output = Result<(), Cause>> + Send;

        fn id<C: Channel>(
            client: &Client<C>,
            handle: &ClientHandle<Self>,
        ) -> impl Future<Output = Result<Option<WString>, Cause>> + Send;

        fn control<C: Channel>(
            client: &Client<C>,
            handle: &ClientHandle<Self>,
            code: u32,
            input: Option<Bytes>,
            size: u32,
        ) -> impl Future<Output = Control> + Send;
    }
}

macro_rules! kinds {
    ($($marker:ident $name:literal $control:literal $open_ex:ident $open:ident $close:ident $id:ident $call:ident;)*) => {
        $(
            impl ObjectKind for types::$marker {
                const NAME: &'static str = $name;
                const CONTROL: u32 = $control;
            }

            impl sealed::Methods for types::$marker {
                async fn open<C: Channel>(
                    client: &Client<C>,
                    name: &str,
                    access: Access,
                ) -> Result<ClientHandle<Self>, Cause> {
                    if access == Access::Read {
                        match client.$open_ex(name, GENERIC_READ).await.map_err(Cause::from) {
                            Ok(opened) => return Ok(opened.handle),
                            // Windows has it since Server 2008 R2.
                            Err(cause) if cause.is_unknown_method() => {}
                            Err(cause) => return Err(cause),
                        }
                    }
                    Ok(client.$open(name).await?)
                }

                async fn close<C: Channel>(client: &Client<C>, handle: ClientHandle<Self>) -> Result<(), Cause> {
                    client.$close(Some(handle)).await?;
                    Ok(())
                }

                async fn id<C: Channel>(
                    client: &Client<C>,
                    handle: &ClientHandle<Self>,
                ) -> Result<Option<WString>, Cause> {
                    Ok(client.$id(handle).await?)
                }

                async fn control<C: Channel>(
                    client: &Client<C>,
                    handle: &ClientHandle<Self>,
                    code: u32,
                    input: Option<Bytes>,
                    size: u32,
                ) -> Control {
                    let answer = client.$call(handle, code, input, size).await;
                    answer
                        .map(|answer| (answer.out_buffer, answer.cb_required))
                        .map_err(|error| error.map_out(|out| out.cb_required))
                }
            }
        )*
    };
}

kinds! {
    HresRpc "resource" 1
        api_open_resource_ex api_open_resource api_close_resource api_get_resource_id api_resource_control;
    HgroupRpc "group" 3
        api_open_group_ex api_open_group api_close_group api_get_group_id api_group_control;
    HnodeRpc "node" 4
        api_open_node_ex api_open_node api_close_node api_get_node_id api_node_control;
    HnetworkRpc "network" 5
        api_open_network_ex api_open_network api_close_network api_get_network_id api_network_control;
    HnetinterfaceRpc "network interface" 6
        api_open_net_interface_ex api_open_net_interface api_close_net_interface api_get_net_interface_id
        api_net_interface_control;
}
