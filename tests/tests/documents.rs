//! `idl/` against the opnum tables of its documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use midlc::{
    Compiler,
    inspect::{InterfaceView, inspect},
};

/// An interface as its document has it (`tests/fixtures/opnums.txt`).
struct Table {
    file: String,
    interface: String,
    uuid: String,
    version: String,
    section: String,
    slots: u16,
    /// The methods that travel.
    methods: BTreeSet<(u16, String)>,
}

fn tables() -> Vec<Table> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/opnums.txt")).unwrap();
    let mut tables: Vec<Table> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match *line.split(' ').collect::<Vec<_>>() {
            [file, interface, uuid, version, document, section, slots] => tables.push(Table {
                file: file.into(),
                interface: interface.into(),
                uuid: uuid.into(),
                version: version.into(),
                section: format!("[{document}] {section}"),
                slots: slots.parse().unwrap(),
                methods: BTreeSet::new(),
            }),
            [opnum, name] => {
                tables.last_mut().unwrap().methods.insert((opnum.parse().unwrap(), name.into()));
            }
            _ => panic!("not a line of a table: {line}"),
        }
    }
    tables
}

/// The interfaces of a file of `idl/`.
fn interfaces(file: &str) -> Vec<InterfaceView> {
    let idl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../idl");
    let compilation = Compiler::new([&idl]).compile([idl.join(file)]);
    assert!(compilation.is_ok(), "{}", compilation.render(false));
    inspect(&compilation.model).into_iter().filter(|one| one.file == file).flat_map(|one| one.interfaces).collect()
}

/// Each interface has the UUID, the version, the methods and the number of opnums that its document
/// says, and each method has its opnum; and there are no other interfaces.
#[test]
fn the_idl_has_the_opnums_of_its_documents() {
    let tables = tables();
    assert_eq!(tables.len(), 25);
    // Those of a base interface may be listed with the interface.
    let known: BTreeSet<&(u16, String)> = tables.iter().flat_map(|table| &table.methods).collect();
    let mut compiled: BTreeMap<&str, Vec<InterfaceView>> = BTreeMap::new();
    for table in &tables {
        let what = format!("{} of {}, {}", table.interface, table.file, table.section);
        let interfaces = compiled.entry(&table.file).or_insert_with(|| interfaces(&table.file));
        let interface = interfaces.iter().find(|interface| interface.name == table.interface);
        let interface = interface.unwrap_or_else(|| panic!("{what}: not there"));
        assert_eq!((&interface.uuid, &interface.version), (&table.uuid, &table.version), "{what}");
        let methods: BTreeSet<(u16, String)> = interface
            .operations
            .iter()
            .filter(|operation| !operation.reserved)
            .map(|operation| (operation.opnum, operation.name.clone()))
            .collect();
        let missing: Vec<_> = table.methods.difference(&methods).collect();
        assert!(missing.is_empty(), "{what}: the document has {missing:?}, the IDL has not");
        let surplus: Vec<_> = methods.iter().filter(|method| !known.contains(method)).collect();
        assert!(surplus.is_empty(), "{what}: the IDL has {surplus:?}, the document has not");
        let slots = interface.operations.iter().map(|operation| operation.opnum + 1).max();
        assert_eq!(slots, Some(table.slots), "{what}: opnums");
    }
    for (file, interfaces) in compiled {
        for interface in interfaces {
            let known = tables.iter().any(|table| table.file == file && table.interface == interface.name);
            assert!(known, "{} of {file} is in no table", interface.name);
        }
    }
}
