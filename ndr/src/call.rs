//! A call as the implementer of a server method sees it.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{
    AuthLevel, ContextHandle, Encoding, Fault, Handle, HandleChange, HandleError, HandleRefusal, HandleStrictness,
    HandleTable, HandleType, Interface,
    com::{OrpcThat, OrpcThis},
    latch::Latch,
};

/// A call in progress: who calls, over what, and what it may use. Cloning is cheap.
#[derive(Clone)]
pub struct Call {
    interface: &'static Interface,
    opnum: u16,
    encoding: Encoding,
    object: Option<Uuid>,
    orpc: Option<Arc<OrpcThis>>,
    shared: Arc<Shared>,
    state: Arc<State>,
}

/// What the clones of a call have in common.
#[derive(Default)]
struct State {
    cancelled: Latch,
    opened: Mutex<Opened>,
    /// What goes in front of the response of a COM interface.
    that: Mutex<OrpcThat>,
}

/// Handles opened for the response, which the client does not know of yet.
#[derive(Default)]
struct Opened {
    handles: Vec<ContextHandle>,
    /// The response goes nowhere.
    orphaned: bool,
}

/// What the calls of an association have in common.
struct Shared {
    caller: Caller,
    handles: Arc<HandleTable>,
    limits: CallLimits,
}

/// Limits of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Largest request stub in octets. Pipes do not count: they are never held as a whole.
    pub max_request: usize,
    /// Largest response stub in octets; a call that would answer more ends in a fault, so that a
    /// small request cannot cost gigabytes.
    pub max_response: usize,
    /// How deeply pointers may nest.
    pub max_depth: u16,
}

impl Default for CallLimits {
    /// 64 MiB each way, 256 pointers deep.
    fn default() -> Self {
        Self { max_request: 64 << 20, max_response: 64 << 20, max_depth: 256 }
    }
}

impl Call {
    /// A call of an operation, made by an unauthenticated caller with handles of its own: what the
    /// first call of an association starts from.
    pub fn new(interface: &'static Interface, opnum: u16, encoding: Encoding) -> Self {
        Self::on(&Association::default(), interface, opnum, encoding)
    }

    /// A call of an operation on an association.
    pub fn on(association: &Association, interface: &'static Interface, opnum: u16, encoding: Encoding) -> Self {
        Self {
            interface,
            opnum,
            encoding,
            object: None,
            orpc: None,
            shared: Arc::clone(&association.shared),
            state: Arc::default(),
        }
    }

    /// Sets the object UUID.
    pub fn with_object(mut self, object: Option<Uuid>) -> Self {
        self.object = object;
        self
    }

    /// Sets what came in front of a request of a COM interface.
    pub(crate) fn with_orpc(mut self, this: OrpcThis) -> Self {
        self.orpc = Some(Arc::new(this));
        self
    }

    /// What came in front of the request, where the interface is a COM interface: the client's
    /// version, causality and extensions.
    pub fn orpc(&self) -> Option<&OrpcThis> {
        self.orpc.as_deref()
    }

    /// Says what goes in front of the response, where the interface is a COM interface: extensions,
    /// such as the description of an error. Without, nothing does.
    pub fn set_orpc_that(&self, that: OrpcThat) {
        *self.state.that.lock().unwrap_or_else(PoisonError::into_inner) = that;
    }

    pub(crate) fn take_orpc_that(&self) -> OrpcThat {
        std::mem::take(&mut *self.state.that.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The interface called.
    pub fn interface(&self) -> &'static Interface {
        self.interface
    }

    /// The operation called.
    pub fn opnum(&self) -> u16 {
        self.opnum
    }

    /// The operation's IDL name, or a placeholder for one that the interface lacks.
    pub fn operation_name(&self) -> &'static str {
        self.interface.operation(self.opnum).map_or("(no such operation)", |operation| operation.name)
    }

    /// How the request was marshalled, and the response will be.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The object UUID of the request, if it has one.
    pub fn object(&self) -> Option<Uuid> {
        self.object
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.shared.caller
    }

    /// The limits of the call.
    pub fn limits(&self) -> CallLimits {
        self.shared.limits
    }

    /// The context handles of the caller's association group.
    pub fn handles(&self) -> &HandleTable {
        &self.shared.handles
    }

    /// Looks up the handle of an `[in]` parameter.
    ///
    /// # Errors
    ///
    /// Says why the handle is refused.
    pub fn handle<T: Send + Sync + 'static>(
        &self,
        raw: ContextHandle,
        handle_type: &'static HandleType,
    ) -> Result<Handle<T>, HandleRefusal> {
        self.shared.handles.get(raw, self.interface, handle_type).map_err(|error| self.refuse(error))
    }

    /// The answer to a refused handle, as the interface wants it.
    pub fn refuse(&self, error: HandleError) -> HandleRefusal {
        let status = match error {
            HandleError::Null => self.interface.null_handle,
            HandleError::WrongType if self.interface.handles != HandleStrictness::TypeStrict => {
                self.interface.wrong_handle
            }
            _ => None,
        };
        HandleRefusal { error, status }
    }

    /// The type of the handle of an `[in]` parameter that takes several.
    ///
    /// # Errors
    ///
    /// Says why the handle is refused.
    pub fn handle_type(&self, raw: ContextHandle) -> Result<&'static HandleType, HandleRefusal> {
        self.shared.handles.handle_type(raw, self.interface).map_err(|error| self.refuse(error))
    }

    /// Looks up the handle of an `[in, out]` parameter, which may be NULL.
    ///
    /// # Errors
    ///
    /// Says why the handle is refused.
    pub fn optional_handle<T: Send + Sync + 'static>(
        &self,
        raw: ContextHandle,
        handle_type: &'static HandleType,
    ) -> Result<Option<Handle<T>>, HandleRefusal> {
        if raw.is_null() { Ok(None) } else { self.handle(raw, handle_type).map(Some) }
    }

    /// Opens a handle for a value that goes to the client.
    ///
    /// # Errors
    ///
    /// [`Fault::NO_RESOURCES`] if the client has too many handles open.
    pub fn open_handle<T: Send + Sync + 'static>(
        &self,
        value: T,
        handle_type: &'static HandleType,
    ) -> Result<ContextHandle, Fault> {
        self.change_handle(ContextHandle::NULL, HandleChange::Replace(value), handle_type)
    }

    /// Does what a method wants done with the handle of an `[in, out]` parameter, and gives what
    /// goes to the client.
    ///
    /// # Errors
    ///
    /// [`Fault::NO_RESOURCES`] if the client has too many handles open.
    pub fn change_handle<T: Send + Sync + 'static>(
        &self,
        raw: ContextHandle,
        change: HandleChange<T>,
        handle_type: &'static HandleType,
    ) -> Result<ContextHandle, Fault> {
        match change {
            HandleChange::Keep => Ok(raw),
            HandleChange::Close => {
                self.shared.handles.close(raw);
                Ok(ContextHandle::NULL)
            }
            HandleChange::Replace(value) => {
                let opened = self.shared.handles.replace(raw, value, self.interface, handle_type);
                match &opened {
                    Ok(new) => self.opened(*new),
                    Err(_) => self.close_opened(),
                }
                opened
            }
        }
    }

    /// A handle has been opened for the response. The client of an orphaned call never knows it.
    fn opened(&self, handle: ContextHandle) {
        let orphaned = {
            let mut opened = self.state.opened.lock().unwrap_or_else(PoisonError::into_inner);
            opened.handles.push(handle);
            opened.orphaned
        };
        if orphaned {
            self.close_opened();
        }
    }

    /// Closes the handles opened for a response that is never sent: the client would not know them.
    pub fn close_opened(&self) {
        let mut opened = self.state.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let handles = std::mem::take(&mut opened.handles);
        // What they stand for is dropped behind the lock.
        drop(opened);
        handles.into_iter().for_each(|handle| self.shared.handles.close(handle));
    }

    /// Whether the caller has cancelled the call or gone away. The method is not stopped by it.
    pub fn is_cancelled(&self) -> bool {
        self.state.cancelled.is_set()
    }

    /// Waits until the caller cancels the call or goes away.
    pub async fn cancelled(&self) {
        self.state.cancelled.wait().await;
    }

    /// Tells the method that the caller has cancelled the call.
    pub fn cancel(&self) {
        self.state.cancelled.set();
    }

    /// Tells the method that the caller has gone away, or does not want the response any more. Handles
    /// opened for the response are closed, now and later: the client never knows them.
    pub fn orphan(&self) {
        self.state.opened.lock().unwrap_or_else(PoisonError::into_inner).orphaned = true;
        self.close_opened();
        self.cancel();
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("interface", &self.interface.name)
            .field("opnum", &self.opnum)
            .field("operation", &self.operation_name())
            .field("caller", &self.shared.caller)
            .finish_non_exhaustive()
    }
}

/// What the calls of one association share: the caller, the handles of its association group, the
/// limits. Cloning is cheap.
#[derive(Clone)]
pub struct Association {
    shared: Arc<Shared>,
}

impl Association {
    /// An association of a caller that uses these handles.
    pub fn new(caller: Caller, handles: Arc<HandleTable>, limits: CallLimits) -> Self {
        Self { shared: Arc::new(Shared { caller, handles, limits }) }
    }

    /// The handles of the association group.
    pub fn handles(&self) -> &Arc<HandleTable> {
        &self.shared.handles
    }
}

impl Default for Association {
    fn default() -> Self {
        Self::new(Caller::default(), Arc::default(), CallLimits::default())
    }
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Association").field("caller", &self.shared.caller).finish_non_exhaustive()
    }
}

/// Who makes a call. The default is nobody known, over memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The account's name; `None` for an anonymous or unauthenticated caller.
    pub user: Option<String>,
    /// The account's domain or realm.
    pub domain: Option<String>,
    /// The account's SID and those of its groups, as strings (`S-1-5-32-544`), where known.
    pub sids: Vec<String>,
    /// The authentication service that vouches for the caller ([MS-RPCE] 2.2.1.1.7); 0 for none.
    pub auth_service: u8,
    /// The authentication service that proved who the caller is: what SPNEGO (9) has chosen, and
    /// otherwise the same as `auth_service`.
    pub mechanism: u8,
    /// How the call is protected.
    pub auth_level: AuthLevel,
    /// The protocol sequence that the call came over (`ncacn_ip_tcp`); empty in memory.
    pub transport: String,
    /// The caller's address, where the transport has one.
    pub address: Option<SocketAddr>,
    /// The key that the authentication service shares with the caller.
    pub session_key: Option<SessionKey>,
}

/// A session key. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(Vec<u8>);

impl SessionKey {
    /// A key of these octets.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}
