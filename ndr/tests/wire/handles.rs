//! The table of context handles of an association group.

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicUsize, Ordering},
};

use msrpc_ndr::{
    Association, AssociationId, AuthLevel, Call, CallLimits, Caller, ClientHandle, ContextHandle, EncodeErrorKind,
    Encoding, Fault, HandleChange, HandleError, HandleStrictness, HandleTable, HandleType, Interface, Level, Uuid,
};

const fn interface(id: u128, handles: HandleStrictness) -> Interface {
    Interface {
        name: "test",
        uuid: Uuid::from_u128(id),
        version: (1, 0),
        operations: &[],
        minimum_auth_level: AuthLevel::None,
        level: Level::V6,
        handles,
        wrong_handle: Some(6),
        null_handle: None,
        endpoints: &[],
    }
}

static STRICT: Interface = interface(1, HandleStrictness::Strict);
static OTHER: Interface = interface(2, HandleStrictness::Strict);
static LAX: Interface = interface(3, HandleStrictness::Lax);
static TYPE_STRICT: Interface = interface(1, HandleStrictness::TypeStrict);
static KEY: HandleType = HandleType { name: "KEY" };
static NODE: HandleType = HandleType { name: "NODE" };

#[test]
fn handles_are_found_as_what_they_were_opened_as() {
    let table = HandleTable::default();
    let raw = table.open("value", &STRICT, &KEY).unwrap();
    assert!(!raw.is_null());
    let handle = table.get::<&str>(raw, &STRICT, &KEY).unwrap();
    assert_eq!((*handle, handle.raw(), handle.is_closed()), ("value", raw, false));
    let error = |raw, interface, kind| table.get::<&str>(raw, interface, kind).unwrap_err();
    assert_eq!(error(ContextHandle::NULL, &STRICT, &KEY), HandleError::Null);
    assert_eq!(error(ContextHandle { attributes: 0, uuid: Uuid::from_u128(9) }, &STRICT, &KEY), HandleError::Unknown);
    // The same Rust type, but another IDL type.
    assert_eq!(error(raw, &STRICT, &NODE), HandleError::WrongType);
    assert_eq!(error(raw, &OTHER, &KEY), HandleError::WrongInterface);
    assert_eq!(table.get::<u32>(raw, &STRICT, &KEY).unwrap_err(), HandleError::WrongType);
    // A lax interface takes what fits.
    assert!(table.get::<&str>(raw, &LAX, &NODE).is_ok());
    assert_eq!(table.get::<u32>(raw, &LAX, &KEY).unwrap_err(), HandleError::WrongType);
    // Another association group's table knows nothing of it.
    assert_eq!(HandleTable::default().get::<&str>(raw, &STRICT, &KEY).unwrap_err(), HandleError::Unknown);
}

#[test]
fn the_type_of_a_handle_is_told_to_its_interface() {
    let table = HandleTable::default();
    let raw = table.open((), &STRICT, &KEY).unwrap();
    assert_eq!(table.handle_type(raw, &STRICT), Ok(&KEY));
    assert_eq!(table.handle_type(raw, &OTHER), Err(HandleError::WrongInterface));
    assert_eq!(table.handle_type(ContextHandle::NULL, &STRICT), Err(HandleError::Null));
    table.close(raw);
    assert_eq!(table.handle_type(raw, &STRICT), Err(HandleError::Unknown));
}

#[test]
fn refusals_are_statuses_or_faults() {
    let call = |interface| Call::new(interface, 0, Encoding::NDR);
    let status = |interface, error| call(interface).refuse(error).status;
    assert_eq!(status(&STRICT, HandleError::WrongType), Some(6));
    // `type_strict_context_handle` makes it a fault.
    assert_eq!(status(&TYPE_STRICT, HandleError::WrongType), None);
    assert_eq!(status(&STRICT, HandleError::WrongInterface), None);
    assert_eq!(status(&STRICT, HandleError::Unknown), None);
    assert_eq!(status(&STRICT, HandleError::Null), None);
    assert_eq!(Fault::from(HandleError::Unknown), Fault::CONTEXT_MISMATCH);
}

struct Value(Arc<AtomicUsize>);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn values_drop_with_their_last_clone() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let table = HandleTable::default();
    let raw = table.open(Value(Arc::clone(&dropped)), &STRICT, &KEY).unwrap();
    let handle = table.get::<Value>(raw, &STRICT, &KEY).unwrap();
    let clone = handle.clone();
    table.close(raw);
    assert!(table.is_empty() && handle.is_closed() && clone.is_closed());
    drop(handle);
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(clone);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn run_down_closes_everything_and_opens_no_more() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let table = HandleTable::default();
    let raw = table.open(Value(Arc::clone(&dropped)), &STRICT, &KEY).unwrap();
    table.open(Value(Arc::clone(&dropped)), &STRICT, &NODE).unwrap();
    let held = table.get::<Value>(raw, &STRICT, &KEY).unwrap();
    table.run_down();
    assert_eq!((dropped.load(Ordering::SeqCst), held.is_closed(), table.len()), (1, true, 0));
    assert_eq!(table.open((), &STRICT, &KEY).unwrap_err(), Fault::NO_RESOURCES);
}

#[test]
fn the_number_of_handles_is_limited() {
    let table = HandleTable::new(2);
    let first = table.open(1, &STRICT, &KEY).unwrap();
    table.open(2, &STRICT, &KEY).unwrap();
    assert_eq!(table.open(3, &STRICT, &KEY).unwrap_err(), Fault::NO_RESOURCES);
    // One may still stand in for another.
    let new = table.replace(first, 3, &STRICT, &KEY).unwrap();
    assert_eq!((table.len(), *table.get::<i32>(new, &STRICT, &KEY).unwrap()), (2, 3));
    assert_eq!(table.get::<i32>(first, &STRICT, &KEY).unwrap_err(), HandleError::Unknown);
    assert_eq!(table.replace(first, 3, &STRICT, &KEY).unwrap_err(), Fault::NO_RESOURCES);
}

/// A value whose drop uses the table it was in.
struct Nested(Arc<Mutex<Weak<HandleTable>>>);

impl Drop for Nested {
    fn drop(&mut self) {
        if let Some(table) = self.0.lock().unwrap().upgrade() {
            table.len();
        }
    }
}

#[test]
fn values_are_dropped_outside_the_lock() {
    let place = Arc::new(Mutex::new(Weak::new()));
    let table = Arc::new(HandleTable::new(1));
    *place.lock().unwrap() = Arc::downgrade(&table);
    let nested = || Nested(Arc::clone(&place));
    let raw = table.open(nested(), &STRICT, &KEY).unwrap();
    assert!(table.open(nested(), &STRICT, &KEY).is_err());
    let raw = table.replace(raw, nested(), &STRICT, &KEY).unwrap();
    table.close(raw);
    table.open(nested(), &STRICT, &KEY).unwrap();
    table.run_down();
}

#[test]
fn handles_of_in_out_parameters_are_kept_closed_or_replaced() {
    let call = Call::new(&STRICT, 0, Encoding::NDR);
    let raw = call.open_handle(1, &KEY).unwrap();
    assert_eq!(call.change_handle(raw, HandleChange::<i32>::Keep, &KEY).unwrap(), raw);
    let new = call.change_handle(raw, HandleChange::Replace(2), &KEY).unwrap();
    assert!(new != raw && call.handle::<i32>(raw, &KEY).is_err());
    assert_eq!(*call.optional_handle::<i32>(new, &KEY).unwrap().unwrap(), 2);
    assert!(call.change_handle(new, HandleChange::<i32>::Close, &KEY).unwrap().is_null());
    assert!(call.handles().is_empty());
    assert!(call.optional_handle::<i32>(ContextHandle::NULL, &KEY).unwrap().is_none());
}

#[test]
fn handles_of_a_response_that_cannot_be_sent_are_closed() {
    let handles = Arc::new(HandleTable::new(2));
    let association = Association::new(Caller::default(), Arc::clone(&handles), CallLimits::default());
    let call = Call::on(&association, &STRICT, 0, Encoding::NDR);
    handles.open(0, &STRICT, &KEY).unwrap();
    call.open_handle(1, &KEY).unwrap();
    assert_eq!(call.open_handle(2, &KEY).unwrap_err(), Fault::NO_RESOURCES);
    assert_eq!(handles.len(), 1);
}

#[test]
fn the_clients_handle_belongs_to_one_association() {
    enum Key {}
    let (here, there) = (AssociationId::unique(), AssociationId::unique());
    let raw = ContextHandle { attributes: 0, uuid: Uuid::from_u128(1) };
    let handle = ClientHandle::<Key>::new(raw, here);
    assert_eq!(handle.on(here).unwrap(), raw);
    assert_eq!(*handle.on(there).unwrap_err().kind(), EncodeErrorKind::ForeignHandle);
    assert!(ClientHandle::optional(Some(&handle), there).is_err());
    assert_eq!(ClientHandle::<Key>::optional(None, there).unwrap(), ContextHandle::NULL);
    assert_eq!(ClientHandle::<Key>::received(ContextHandle::NULL, here), None);
    assert_eq!(ClientHandle::received(raw, here), Some(handle.clone()));
    assert_eq!(format!("{handle:?}"), "ClientHandle(00000000-0000-0000-0000-000000000001)");
}
