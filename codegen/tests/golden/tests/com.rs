//! COM interfaces at work: what goes in front of calls, what is inherited, and how pointers and the
//! types of OLE Automation travel as parameters.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use midlc_golden::{automation, automation_sdk, com, com_derived, com_iid_is, com_orpc};
use msrpc_ndr::{
    Body, Bytes, Call, CallError, Channel, Encoder, Encoding, Fault, HResult, MemoryChannel, Message, Outcome, Service,
    Uuid,
    com::{
        Causality, ComInterface, ComPtr, ComVersion, IUnknown, InterfacePointer, ObjRef, OrpcExtent, OrpcThat,
        OrpcThis, StdObjRef,
    },
    oaut::{Bstr, SafeArray, Variant},
    put_top,
};

/// The memory channel never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn hex(octets: &str) -> Vec<u8> {
    let digits: Vec<u8> = octets.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn pointer<I: ComInterface>() -> ComPtr<I> {
    ObjRef::standard(I::IID, StdObjRef::default(), Default::default()).into()
}

/// Remembers the causality of the last call.
#[derive(Default)]
struct Thing {
    seen: Mutex<Option<OrpcThis>>,
}

impl com::i_thing::Server for Thing {
    async fn get(
        &self,
        call: &Call,
        old: Option<ComPtr<com::IThing>>,
    ) -> Outcome<com::i_thing::Get, HResult> {
        *self.seen.lock().unwrap() = call.orpc().cloned();
        let extensions = vec![OrpcExtent { id: Uuid::from_u128(7), data: Bytes::from_static(b"why") }];
        call.set_orpc_that(OrpcThat { flags: 0, extensions });
        Ok(com::i_thing::Get { p: com::Point { x: 5 }, other: old })
    }

    async fn count(&self, _: &Call) -> Outcome<u32, msrpc_ndr::NoStatus> {
        Ok(3)
    }
}

impl com::i_derived::Server for Thing {
    async fn count(&self, _: &Call, which: i32) -> Outcome<i32, HResult> {
        Ok(which + 1)
    }
}

impl com_derived::i_farther::Server for Thing {
    async fn last(&self, _: &Call, n: i32) -> Outcome<(), HResult> {
        if n == 0 { Err(HResult::E_INVALIDARG.into()) } else { Ok(()) }
    }
}

#[test]
fn a_derived_interface_serves_and_calls_what_it_inherits() {
    let thing = Arc::new(Thing::default());
    for encoding in Encoding::ALL {
        let service = com_derived::i_farther::Service::shared(Arc::clone(&thing));
        let client = com_derived::i_farther::Client::new(MemoryChannel::new(service, encoding));
        assert!(now(client.last(1)).is_ok());
        assert_eq!(now(client.last(0)).unwrap_err().status(), Some(&HResult::E_INVALIDARG));
        // The nearest method of a name is its own; the base's is behind it.
        assert_eq!(now(client.count(4)).unwrap(), 5);
        let base: &com::i_thing::Client<_> = &client;
        assert_eq!(now(base.count()).unwrap(), 3);
        let got = now(client.get(Some(pointer()))).unwrap();
        assert_eq!((got.p.x, got.other), (5, Some(pointer())));
    }
}

#[test]
fn opnums_count_what_is_inherited_and_what_is_local() {
    let names: Vec<_> = com_derived::i_farther::INTERFACE.operations.iter().map(|op| (op.name, op.reserved)).collect();
    let expected = [
        ("QueryInterface", true),
        ("AddRef", true),
        ("Release", true),
        ("Get", false),
        ("RemoteHelp", false),
        ("Never", true),
        ("Count", false),
        ("Many", false),
        ("Elsewhere", false),
        ("Count", false),
        ("Last", false),
    ];
    assert_eq!(names, expected);
}

#[test]
fn what_is_left_out_answers_e_notimpl_and_iunknown_is_never_on_the_wire() {
    let client = com::i_thing::Client::new(MemoryChannel::new(com::i_thing::Service::new(Thing::default()), Encoding::NDR));
    assert_eq!(now(client.remote_help(1)).unwrap_err().status(), Some(&HResult::E_NOTIMPL));
    for opnum in 0..3 {
        let reply = now(client.channel().call(opnum, Body::empty()));
        assert!(matches!(reply, Err(msrpc_ndr::ChannelError::Fault(Fault::OP_RANGE))), "{opnum}");
    }
}

#[test]
fn a_causality_goes_on_and_extensions_come_back() {
    let thing = Arc::new(Thing::default());
    let exchanged = Arc::new(Mutex::new(Vec::new()));
    let tapped = Arc::clone(&exchanged);
    let channel = MemoryChannel::new(com::i_thing::Service::shared(Arc::clone(&thing)), Encoding::NDR)
        .with_tap(move |opnum, request, response| tapped.lock().unwrap().push((opnum, request.clone(), response.clone())));
    let id = Uuid::from_u128(0x01020304_0506_0708_090a_0b0c0d0e0f10);
    let client = com::i_thing::Client::new(Causality::new(channel, id));
    now(client.get(None)).unwrap();
    let seen = thing.seen.lock().unwrap().clone().unwrap();
    assert_eq!((seen.version, seen.causality), (ComVersion::CURRENT, id));
    let (opnum, request, response) = exchanged.lock().unwrap().pop().unwrap();
    let this = "0500 0700 00000000 00000000 0403020106050807090a0b0c0d0e0f10 00000000";
    assert_eq!((opnum, request.as_ref()), (3, hex(&format!("{this} 00000000")).as_slice()));
    let that = "00000000 00000200 01000000 00000000 04000200 02000000 08000200 00000000
        08000000 07000000 0000 0000 0000000000000000 03000000 7768790000000000";
    let that = that.replace("07000000 0000 0000 0000000000000000", "00000000 0000 0000 0000000000000007");
    assert_eq!(response, hex(&format!("{that} 05000000 00000000 00000000")));
}

#[test]
fn another_version_of_dcom_is_refused() {
    let service = com::i_thing::Service::new(Thing::default());
    let answer = |version| {
        let mut e = Encoder::new(Encoding::NDR);
        put_top::<OrpcThis>(&OrpcThis { version, ..OrpcThis::default() }, &mut e).unwrap();
        let call = Call::new(&com::i_thing::INTERFACE, 6, Encoding::NDR);
        now(service.call(call, Body::from_chunks(e.finish())))
    };
    assert!(answer(ComVersion { major: 5, minor: 1 }).is_ok());
    let refusal = answer(ComVersion { major: 6, minor: 0 });
    assert_eq!(refusal.unwrap_err(), Fault::COM_VERSION_MISMATCH);
    let call = Call::new(&com::i_thing::INTERFACE, 6, Encoding::NDR);
    assert_eq!(now(service.call(call, Body::empty())).unwrap_err(), Fault::BAD_STUB_DATA);
}

struct Creator;

impl com_iid_is::i_iid_is::Server for Creator {
    async fn create(&self, _: &Call, riid: Uuid) -> Outcome<Option<InterfacePointer>, HResult> {
        // One of what was asked for, unless nil was.
        let iid = if riid.is_nil() { IUnknown::IID } else { riid };
        Ok(Some(ObjRef::standard(iid, StdObjRef::default(), Default::default()).into()))
    }

    async fn pass(&self, _: &Call, _: Uuid, p: Option<ComPtr<IUnknown>>) -> Outcome<(), HResult> {
        assert!(p.is_some());
        Ok(())
    }
}

#[test]
fn a_pointer_must_be_to_the_interface_that_iid_is_says() {
    let client =
        com_iid_is::i_iid_is::Client::new(MemoryChannel::new(com_iid_is::i_iid_is::Service::new(Creator), Encoding::NDR));
    assert_eq!(now(client.create(com::IThing::IID)).unwrap().unwrap().iid(), Some(com::IThing::IID));
    assert!(matches!(now(client.create(Uuid::nil())), Err(CallError::Decode(_))));
    assert!(now(client.pass(IUnknown::IID, Some(pointer()))).is_ok());
    assert!(matches!(now(client.pass(com::IThing::IID, Some(pointer()))), Err(CallError::Encode(_))));
}

#[test]
fn a_safearray_is_one_pointer_with_the_macro_and_two_without() {
    let names = || Some(SafeArray::from(vec![Bstr::from("a")]));
    let tail = "01000000 0100 8001 04000000 00000800 08000000 01000000 PPPPPPPP 01000000 00000000
        01000000 QQQQQQQQ 01000000 02000000 01000000 6100";
    let array = |p: &str, q: &str| tail.replace("PPPPPPPP", p).replace("QQQQQQQQ", q);
    let request = automation::i_automation::wire::ArraysRequest { names: names(), values: None };
    let one = format!("00000200 {} 0000 00000000", array("04000200", "08000200"));
    assert_eq!(request.to_bytes(Encoding::NDR).unwrap(), hex(&one));
    let request = automation_sdk::i_automation_sdk::wire::ArraysRequest { names: names(), values: None };
    let two = format!("00000200 04000200 {} 0000 0c000200 00000000", array("08000200", "0c000200"));
    let two = two.replace("0000 0c000200 00000000", "0000 10000200 00000000");
    assert_eq!(request.to_bytes(Encoding::NDR).unwrap(), hex(&two));
}

#[test]
fn types_that_user_code_marshals_travel_as_what_they_name() {
    use automation_sdk::i_automation_sdk::wire::{TransmittedRequest, TypesRequest};
    let request = TypesRequest { name: "a".into(), value: Variant::I4(1), other: Variant::Empty };
    let theirs = automation::i_automation::wire::VariantsRequest { value: Variant::I4(1), other: Variant::Empty };
    let (ours, theirs) = (request.to_bytes(Encoding::NDR).unwrap(), theirs.to_bytes(Encoding::NDR).unwrap());
    assert!(ours.starts_with(&hex("00000200 01000000 02000000 01000000 6100 0000 04000200")));
    // The same from the VARIANT on, which is aligned to 8 in both.
    assert_eq!(ours.slice(24..48), theirs.slice(8..32));
    assert_eq!(TransmittedRequest { n: -2 }.to_bytes(Encoding::NDR).unwrap(), hex("feffffff"));
}

#[test]
fn capacities_are_filled_up_with_null_pointers() {
    let response = automation::i_automation::wire::FilledResponse {
        values: vec![],
        values_max: 2,
        holders: vec![],
        holders_max: 1,
        return_value: 0,
    };
    for encoding in Encoding::ALL {
        let octets = response.to_bytes(encoding).unwrap();
        let back = automation::i_automation::wire::FilledResponse::from_bytes(octets, encoding).unwrap();
        assert_eq!(back.values, [Variant::Absent, Variant::Absent], "{encoding:?}");
        assert!(back.holders[0].name.is_null() && back.holders[0].names.is_none());
    }
}

#[test]
fn structures_of_dcom_are_those_of_the_runtime() {
    let request = com_orpc::com_orpc::wire::ActivateRequest {
        orpcthis: OrpcThis::default(),
        p_in: Some(InterfacePointer::from_bytes(&b"abc"[..])),
        typed: None,
        n: 1,
        d: com_orpc::Decimal { value: 9 },
    };
    let expected = "0500 0700 00000000 00000000 00000000000000000000000000000000 00000000
        00000200 03000000 03000000 616263 00 00000000 01000000 09000000";
    assert_eq!(request.to_bytes(Encoding::NDR).unwrap(), hex(expected));
}
