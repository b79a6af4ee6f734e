//! Context handles: the server's state of a client, by twenty octets ([MS-RPCE] 2.2.4.3, C706
//! 6.1.6).

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::{
    Align, AssociationId, Codec, DecodeError, Decoder, EncodeError, EncodeErrorKind, Encoder, Fault, Guid,
    HandleStrictness, Interface, latch::Latch,
};

/// A context handle as it travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContextHandle {
    /// Attributes, 0 from every server known.
    pub attributes: u32,
    /// What the server knows it by; nil in the NULL handle.
    pub uuid: Uuid,
}

impl ContextHandle {
    /// The NULL handle.
    pub const NULL: Self = Self { attributes: 0, uuid: Uuid::nil() };

    /// Whether it is the NULL handle.
    pub fn is_null(&self) -> bool {
        self.uuid.is_nil()
    }
}

impl Codec for ContextHandle {
    type Value = Self;
    const ALIGN: Align = Align::same(4);
    const MIN: usize = 20;
    const LEAF: bool = true;

    #[inline]
    fn zero() -> Self {
        Self::NULL
    }

    #[inline]
    fn put(value: &Self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.u32(value.attributes);
        Guid::put(&value.uuid, e)
    }

    #[inline]
    fn get(d: &mut Decoder) -> Result<Self, DecodeError> {
        Ok(Self { attributes: d.u32()?, uuid: Guid::get(d)? })
    }
}

/// A type of context handle that an IDL file declares. Generated code has one as a `static` for
/// each.
#[derive(Debug, PartialEq, Eq)]
pub struct HandleType {
    /// The IDL name.
    pub name: &'static str,
}

/// A client's context handle of type `K`, tied to the association that it was opened on.
///
/// Dropping it closes nothing: the server runs the context down when the association ends.
pub struct ClientHandle<K> {
    raw: ContextHandle,
    association: AssociationId,
    kind: PhantomData<fn() -> K>,
}

impl<K> ClientHandle<K> {
    /// A handle received on an association.
    pub fn new(raw: ContextHandle, association: AssociationId) -> Self {
        Self { raw, association, kind: PhantomData }
    }

    /// The handle as it travels.
    pub fn raw(&self) -> ContextHandle {
        self.raw
    }

    /// The association that it belongs to.
    pub fn association(&self) -> AssociationId {
        self.association
    }

    /// The handle as it travels, if it belongs to this association.
    ///
    /// # Errors
    ///
    /// [`EncodeErrorKind::ForeignHandle`] if it does not.
    pub fn on(&self, association: AssociationId) -> Result<ContextHandle, EncodeError> {
        if self.association == association {
            Ok(self.raw)
        } else {
            Err(EncodeError::new(EncodeErrorKind::ForeignHandle))
        }
    }

    /// A handle received for an `[in, out]` parameter; `None` for NULL.
    pub fn received(raw: ContextHandle, association: AssociationId) -> Option<Self> {
        (!raw.is_null()).then(|| Self::new(raw, association))
    }

    /// What travels for a handle that may be NULL.
    ///
    /// # Errors
    ///
    /// [`EncodeErrorKind::ForeignHandle`] if it belongs to another association.
    pub fn optional(handle: Option<&Self>, association: AssociationId) -> Result<ContextHandle, EncodeError> {
        handle.map_or(Ok(ContextHandle::NULL), |handle| handle.on(association))
    }

    /// The same handle as one of a group of handle types.
    pub fn cast<G>(&self) -> ClientHandle<G>
    where
        K: InGroup<G>,
    {
        ClientHandle::new(self.raw, self.association)
    }
}

/// A handle type that belongs to the group `G` of handle types, as an overlay declares it.
pub trait InGroup<G> {}

impl<K> Clone for ClientHandle<K> {
    fn clone(&self) -> Self {
        Self::new(self.raw, self.association)
    }
}

impl<K> fmt::Debug for ClientHandle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientHandle({})", self.raw.uuid)
    }
}

impl<K> PartialEq for ClientHandle<K> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw && self.association == other.association
    }
}

impl<K> Eq for ClientHandle<K> {}

impl<K> Hash for ClientHandle<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
        self.association.hash(state);
    }
}

/// What a server method does with the handle of an `[in, out]` parameter.
#[derive(Debug, PartialEq, Eq)]
pub enum HandleChange<T> {
    /// It stays as it is.
    Keep,
    /// It is closed; the client gets NULL.
    Close,
    /// It is closed, and the client gets one for this value.
    Replace(T),
}

/// A context that a client holds open, as a server method sees it.
///
/// Cloning is cheap. The value is dropped with the last clone, which may be after the client closed
/// the handle or went away; [`closed`](Self::closed) tells.
pub struct Handle<T> {
    value: Arc<T>,
    entry: Arc<Entry>,
}

impl<T> Handle<T> {
    /// The handle as it travels.
    pub fn raw(&self) -> ContextHandle {
        ContextHandle { attributes: 0, uuid: self.entry.uuid }
    }

    /// Whether the client has closed the handle or gone away.
    pub fn is_closed(&self) -> bool {
        self.entry.closed.is_set()
    }

    /// Waits until the client closes the handle or goes away.
    pub async fn closed(&self) {
        self.entry.closed.wait().await;
    }

    /// The value, shared.
    pub fn value(&self) -> &Arc<T> {
        &self.value
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), entry: Arc::clone(&self.entry) }
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("uuid", &self.entry.uuid).field("value", &self.value).finish()
    }
}

#[derive(Debug)]
struct Entry {
    uuid: Uuid,
    interface: &'static Interface,
    handle_type: &'static HandleType,
    closed: Latch,
}

impl Entry {
    /// Whether operations of an interface may use the handle.
    fn check(&self, interface: &'static Interface) -> Result<(), HandleError> {
        if self.interface != interface && interface.handles != HandleStrictness::Lax {
            return Err(HandleError::WrongInterface);
        }
        Ok(())
    }
}

/// Why a handle that a client sent is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// It is NULL where it must not be.
    #[error("the context handle is NULL")]
    Null,
    /// The server did not give it out to this client, or it is closed.
    #[error("the context handle is unknown")]
    Unknown,
    /// It belongs to another interface.
    #[error("the context handle belongs to another interface")]
    WrongInterface,
    /// It is of another type of the same interface.
    #[error("the context handle is of another type")]
    WrongType,
}

/// A refused handle, and the status that its interface answers it with, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleRefusal {
    /// Why it is refused.
    pub error: HandleError,
    /// The status to answer with; a fault where `None`.
    pub status: Option<u32>,
}

impl From<HandleError> for Fault {
    fn from(_: HandleError) -> Self {
        Self::CONTEXT_MISMATCH
    }
}

/// What counts the open handles of several tables together, and has a limit of its own.
pub trait HandleQuota: fmt::Debug + Send + Sync {
    /// Counts one more handle. False if there is no room for it.
    fn open(&self) -> bool;

    /// So many handles that were counted are closed.
    fn closed(&self, handles: usize);
}

/// The context handles of an association group.
#[derive(Debug)]
pub struct HandleTable {
    entries: Mutex<Entries>,
    limit: usize,
    quota: Option<Arc<dyn HandleQuota>>,
}

#[derive(Debug, Default)]
struct Entries {
    by_uuid: HashMap<Uuid, Slot>,
    run_down: bool,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    value: Arc<dyn Any + Send + Sync>,
}

impl HandleTable {
    /// Default of the number of handles that may be open at a time.
    pub const DEFAULT_LIMIT: usize = 65_536;

    /// A table without handles, for at most `limit` of them.
    pub fn new(limit: usize) -> Self {
        Self { entries: Mutex::default(), limit, quota: None }
    }

    /// A table without handles, for at most `limit` of them and no more than `quota` has room for.
    pub fn within(limit: usize, quota: Arc<dyn HandleQuota>) -> Self {
        Self { entries: Mutex::default(), limit, quota: Some(quota) }
    }

    /// The number of open handles.
    pub fn len(&self) -> usize {
        self.lock().by_uuid.len()
    }

    /// Whether no handle is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Opens a handle for a value.
    ///
    /// # Errors
    ///
    /// [`Fault::NO_RESOURCES`] if the table is full or the client has gone away.
    pub fn open<T: Send + Sync + 'static>(
        &self,
        value: T,
        interface: &'static Interface,
        handle_type: &'static HandleType,
    ) -> Result<ContextHandle, Fault> {
        self.replace(ContextHandle::NULL, value, interface, handle_type)
    }

    /// Closes a handle, if it is open, and opens one in its place.
    ///
    /// # Errors
    ///
    /// [`Fault::NO_RESOURCES`] if the table is full or the client has gone away. Nothing is closed
    /// then.
    pub fn replace<T: Send + Sync + 'static>(
        &self,
        old: ContextHandle,
        value: T,
        interface: &'static Interface,
        handle_type: &'static HandleType,
    ) -> Result<ContextHandle, Fault> {
        let uuid = Uuid::new_v4();
        let entry = Arc::new(Entry { uuid, interface, handle_type, closed: Latch::default() });
        let slot = Slot { entry, value: Arc::new(value) };
        let mut entries = self.lock();
        let replaces = entries.by_uuid.contains_key(&old.uuid);
        let others = entries.by_uuid.len() - usize::from(replaces);
        let has_room = !entries.run_down && others < self.limit;
        if !has_room || !replaces && !self.quota.as_ref().is_none_or(|quota| quota.open()) {
            // The value is dropped after the lock: its `Drop` may use the table.
            drop(entries);
            return Err(Fault::NO_RESOURCES);
        }
        let old = entries.by_uuid.remove(&old.uuid);
        entries.by_uuid.insert(uuid, slot);
        drop(entries);
        if let Some(old) = old {
            old.entry.closed.set();
        }
        Ok(ContextHandle { attributes: 0, uuid })
    }

    /// Looks a handle up.
    ///
    /// # Errors
    ///
    /// Says why the handle is refused.
    pub fn get<T: Send + Sync + 'static>(
        &self,
        raw: ContextHandle,
        interface: &'static Interface,
        handle_type: &'static HandleType,
    ) -> Result<Handle<T>, HandleError> {
        if raw.is_null() {
            return Err(HandleError::Null);
        }
        let (entry, value) = {
            let entries = self.lock();
            let slot = entries.by_uuid.get(&raw.uuid).ok_or(HandleError::Unknown)?;
            (Arc::clone(&slot.entry), Arc::clone(&slot.value))
        };
        entry.check(interface)?;
        if entry.interface == interface && entry.handle_type != handle_type {
            // Two handle types that one Rust type stands for are still two types.
            return Err(HandleError::WrongType);
        }
        match value.downcast() {
            Ok(value) => Ok(Handle { value, entry }),
            Err(_) => Err(HandleError::WrongType),
        }
    }

    /// The type of an open handle.
    ///
    /// # Errors
    ///
    /// Says why the handle is refused.
    pub fn handle_type(
        &self,
        raw: ContextHandle,
        interface: &'static Interface,
    ) -> Result<&'static HandleType, HandleError> {
        if raw.is_null() {
            return Err(HandleError::Null);
        }
        let entries = self.lock();
        let entry = &entries.by_uuid.get(&raw.uuid).ok_or(HandleError::Unknown)?.entry;
        entry.check(interface)?;
        Ok(entry.handle_type)
    }

    /// Closes a handle. Calls that use it go on; what they hold is told so.
    pub fn close(&self, raw: ContextHandle) {
        let slot = self.lock().by_uuid.remove(&raw.uuid);
        if let Some(slot) = slot {
            self.give_back(1);
            slot.entry.closed.set();
        }
    }

    /// Closes every handle, because the client has gone away, and opens no more.
    pub fn run_down(&self) {
        let slots = {
            let mut entries = self.lock();
            entries.run_down = true;
            std::mem::take(&mut entries.by_uuid)
        };
        self.give_back(slots.len());
        for slot in slots.into_values() {
            slot.entry.closed.set();
        }
    }

    fn give_back(&self, handles: usize) {
        if let Some(quota) = &self.quota {
            quota.closed(handles);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // No code that may panic runs under the lock.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for HandleTable {
    fn default() -> Self {
        Self::new(Self::DEFAULT_LIMIT)
    }
}

impl Drop for HandleTable {
    fn drop(&mut self) {
        self.run_down();
    }
}
