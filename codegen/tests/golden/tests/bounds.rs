//! Octets of arrays whose bounds are members of structures, lower bounds, or capacities of rows,
//! worked out by hand from C706 14.3.3.

use std::fmt::Debug;

use midlc_golden::{
    arrays_min_is::arrays_min_is::wire::{BetweenRequest, PartRequest},
    capacities_of_rows::{self, capacities_of_rows::wire},
    counts_of_members::{self, counts_of_members::wire as members},
};
use msrpc_ndr::{Codec, Decoder, Encoder, Encoding, Message, get_top, put_top};

fn hex(octets: &str) -> Vec<u8> {
    let digits: Vec<u8> = octets.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn check<C: Codec<Value: Debug + PartialEq>>(value: C::Value, octets: &str) {
    let mut e = Encoder::new(Encoding::NDR);
    put_top::<C>(&value, &mut e).unwrap();
    assert_eq!(e.into_bytes(), hex(octets), "{value:?}");
    for encoding in Encoding::ALL {
        let mut e = Encoder::new(encoding);
        put_top::<C>(&value, &mut e).unwrap();
        let mut d = Decoder::new(e.into_bytes(), encoding);
        assert_eq!(get_top::<C>(&mut d).unwrap(), value);
        assert_eq!(d.remaining(), 0);
    }
}

fn check_message<M: Message + Debug + PartialEq>(message: M, octets: &str) {
    assert_eq!(message.to_bytes(Encoding::NDR).unwrap(), hex(octets), "{message:?}");
    for encoding in Encoding::ALL {
        assert_eq!(M::from_bytes(message.to_bytes(encoding).unwrap(), encoding).unwrap(), message);
    }
}

#[test]
fn rows_of_a_table_have_the_capacity_that_size_is_gives_them() {
    use capacities_of_rows::Table;
    let table = |rows: &[i16]| Table {
        n: rows.len() as i32,
        max: 4,
        count: 1,
        rows: Some(rows.iter().map(|&cell| Some(vec![cell])).collect()),
    };
    check::<Table>(
        table(&[7, 8]),
        "02000000 04000000 01000000 00000200
         02000000 04000200 08000200
         04000000 00000000 01000000 0700 0000
         04000000 00000000 01000000 0800",
    );
    // What stands in rows may have rows of its own, with another capacity: the outer one stays 9.
    let mut inner = table(&[7]);
    inner.max = 3;
    check_message(
        wire::TablesRequest { max: 9, tables: vec![Some(vec![inner.clone()]), Some(vec![inner])] },
        "02000000 09000000
         02000000 00000200 04000200
         09000000 00000000 01000000
           01000000 03000000 01000000 08000200
           01000000 0c000200 03000000 00000000 01000000 0700 0000
         09000000 00000000 01000000
           01000000 03000000 01000000 10000200
           01000000 14000200 03000000 00000000 01000000 0700",
    );
    let mut long = table(&[7]);
    long.max = 0;
    let refused = put_top::<Table>(&long, &mut Encoder::new(Encoding::NDR)).unwrap_err();
    assert!(refused.to_string().contains("TABLE.rows"), "{refused}");
}

#[test]
fn strings_of_an_array_have_the_capacity_that_size_is_gives_them() {
    check_message(
        wire::NamesRequest { names: vec![Some("a".into())] },
        "01000000 01000000 00000200 40000000 00000000 02000000 6100 0000",
    );
}

#[test]
fn a_count_may_be_a_member_of_a_structure_behind_a_pointer_beside_the_array() {
    use counts_of_members::{Behind, Chosen, Counted, Head, Choice};
    let behind = Behind { head: Some(Head { n: 3, wide: 1, word: 9 }), p: Some(vec![5]) };
    let octets = "00000200 04000200
                  03000000 00000000 0100000000000000 09000000
                  03000000 00000000 01000000 05000000";
    check::<Behind>(behind, octets);
    // A maximum count of 4 is not what head->n says.
    let wrong = octets.replace("03000000 00000000 01000000 05000000", "04000000 00000000 01000000 05000000");
    let refused = get_top::<Behind>(&mut Decoder::new(hex(&wrong).into(), Encoding::NDR)).unwrap_err();
    assert!(refused.to_string().contains("BEHIND.p"), "{refused}");
    check::<Counted>(
        Counted { n: Some(2), p: Some(vec![1, 2]), a: vec![3, 4] },
        "02000000 00000200 04000200 0300 0400 02000000 02000000 01000000 02000000",
    );
    let chosen = Chosen { head: Some(Head { n: 1, wide: 0, word: 0 }), choice: Choice::One(7) };
    check::<Chosen>(
        chosen,
        "00000200 01000000 07000000 00000000 01000000 00000000 0000000000000000 00000000",
    );
    check_message(
        members::GivenRequest { head: Head { n: 1, wide: 0, word: 0 }, a: vec![6] },
        "01000000 00000000 0000000000000000 00000000 01000000 06000000",
    );
}

#[test]
fn indexes_count_from_the_lower_bound() {
    check_message(
        BetweenRequest { low: 2, high: 4, a: vec![1, 2, 3] },
        "02000000 04000000 03000000 01000000 02000000 03000000",
    );
    check_message(
        PartRequest { low: 2, high: 9, from: 4, to: 6, a: vec![1, 2, 3] },
        "02000000 09000000 04000000 06000000 08000000 02000000 03000000 0100 0200 0300",
    );
}
