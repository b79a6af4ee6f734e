//! Counts that lie cost no memory. A program of its own: it counts every allocation.

use msrpc_ndr::{
    Bytes, Codec, Conformant, ConformantVarying, Decoder, Encoder, Encoding, Items, NarrowStr, Octets, Unique, Units,
    WideStr, get_top, put_top,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What an error and a decoder may cost.
const SMALL: usize = 4096;

/// The most memory in use at a time beyond that in use before.
fn peak(run: impl FnOnce()) -> usize {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    run();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

/// Octets that claim a great many elements.
fn lie<C: Codec>(stub: &[u8]) {
    for encoding in Encoding::ALL {
        let stub = Bytes::copy_from_slice(stub);
        let peak = peak(|| assert!(get_top::<C>(&mut Decoder::new(stub, encoding)).is_err()));
        assert!(peak < SMALL, "{} {encoding:?}: {peak}", std::any::type_name::<C>());
    }
}

/// One test, because tests run at the same time.
#[test]
fn memory_is_bounded_by_what_is_there() {
    for stub in [&[0xff; 40][..], &[0x7f; 40]] {
        lie::<Conformant<Items<u64>>>(stub);
        lie::<Conformant<Items<Unique<WideStr>>>>(stub);
        lie::<Conformant<Octets>>(stub);
        lie::<Conformant<Units>>(stub);
        lie::<ConformantVarying<Octets>>(stub);
        lie::<WideStr>(stub);
        lie::<NarrowStr>(stub);
    }

    // Capacities beyond the limit of the response; and those within it, of octets, cost no copy.
    for (limit, capacity, fits) in [(1 << 20, 0x7fff_ffff_u32, false), (1 << 26, 1 << 25, true)] {
        let peak = peak(|| {
            let mut e = Encoder::new(Encoding::NDR).max_len(limit);
            e.set_capacity(capacity);
            assert_eq!(put_top::<Conformant<Octets>>(&Bytes::from_static(b"ab"), &mut e).is_ok(), fits);
        });
        assert!(peak < 128 * 1024, "{peak}");
    }
    let peak = peak(|| {
        let mut e = Encoder::new(Encoding::NDR).max_len(1 << 20);
        e.set_capacity(0x7fff_ffff_u32);
        assert!(put_top::<Conformant<Items<u64>>>(&vec![], &mut e).is_err());
    });
    assert!(peak < 3 << 20, "{peak}");
}
