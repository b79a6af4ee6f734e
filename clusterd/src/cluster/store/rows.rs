//! The registry as rows of tables.
//!
//! Rows of values are sorted as the registry sorts them: by key, then by the folded name. A name
//! stands in its row as it was written.

use msrpc_cluster::cluster::{
    registry::{Change, KeyId, Name, Registry, Value, ValueType},
    store::{Loaded, Revision},
};
use msrpc_ndr::{Bytes, WString};
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::KIND;

/// Keys by ID.
const KEYS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("keys");
/// Values by key and folded name, as UTF-16BE.
const VALUES: TableDefinition<'_, (u64, &[u8]), &[u8]> = TableDefinition::new("values");

/// The store's revision, in the table that says what the file is.
const REVISION: &str = "revision";
/// The ID of the next key.
const NEXT: &str = "next";

/// What stands for the root's parent, which is none.
const NO_PARENT: u64 = u64::MAX;

/// The tables, within a transaction that changes them.
pub(super) struct Tables<'a> {
    about: Table<'a, &'static str, u64>,
    keys: Table<'a, u64, &'static [u8]>,
    values: Table<'a, (u64, &'static [u8]), &'static [u8]>,
    next: u64,
}

impl<'a> Tables<'a> {
    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::Error> {
        let about = transaction.open_table(KIND.about())?;
        let next = about.get(NEXT)?.map_or(1, |next| next.value());
        let (keys, values) = (transaction.open_table(KEYS)?, transaction.open_table(VALUES)?);
        Ok(Self { about, keys, values, next })
    }

    pub(super) fn apply(&mut self, change: &Change) -> Result<(), redb::Error> {
        match change {
            Change::PutKey { id, parent, name, security, last_write } => {
                self.next = self.next.max(id.0.saturating_add(1));
                let row = key_row(*parent, name.as_ref(), security.as_ref(), *last_write);
                self.keys.insert(id.0, &*row)?;
            }
            Change::RemoveKey { id } => {
                self.keys.remove(id.0)?;
                self.values
                    .retain_in::<(u64, &[u8]), _>((id.0, &[][..])..(id.0.saturating_add(1), &[][..]), |_, _| false)?;
            }
            Change::PutValue { key, name, value } => {
                let folded = folded(name);
                let place = (key.0, &*folded);
                // A value that is replaced keeps its name as it was written first.
                let written = match self.values.get(place)? {
                    Some(row) => value_name(row.value()).map(<[u8]>::to_vec),
                    None => None,
                };
                let row = value_row(&written.unwrap_or_else(|| octets(name)), value);
                self.values.insert(place, &*row)?;
            }
            Change::RemoveValue { key, name } => {
                self.values.remove((key.0, &*folded(name)))?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self, revision: Revision) -> Result<(), redb::Error> {
        self.about.insert(REVISION, revision.0)?;
        self.about.insert(NEXT, self.next)?;
        Ok(())
    }
}

/// Fills new tables with a registry.
pub(super) fn fill(transaction: &WriteTransaction, revision: Revision, registry: &Registry) -> Result<(), redb::Error> {
    let mut tables = Tables::open(transaction)?;
    registry.records().iter().try_for_each(|record| tables.apply(record))?;
    tables.next = tables.next.max(registry.next_id().0);
    tables.finish(revision)
}

/// The revision alone.
pub(super) fn revision(database: &Database) -> Result<Revision, redb::Error> {
    let about = database.begin_read()?.open_table(KIND.about())?;
    Ok(Revision(about.get(REVISION)?.map_or(0, |revision| revision.value())))
}

/// Reads everything.
///
/// # Errors
///
/// What is wrong, in words.
pub(super) fn load(database: &Database) -> Result<Loaded, String> {
    let rows = rows(database).map_err(|error| error.to_string())?;
    let mut registry = Registry::new();
    for (id, row) in &rows.keys {
        let change = key_of_row(*id, row).ok_or_else(|| format!("the row of key {id} is malformed"))?;
        if let Change::PutKey { parent: Some(parent), .. } = change
            && registry.key(parent).is_err()
        {
            return Err(format!("key {id} is in key {}, which is not there", parent.0));
        }
        registry.apply(&change);
    }
    for (key, row) in &rows.values {
        let change = value_of_row(*key, row).ok_or_else(|| format!("a value of key {key} is malformed"))?;
        registry.key(KeyId(*key)).map_err(|_| format!("a value is in key {key}, which is not there"))?;
        registry.apply(&change);
    }
    let in_keys = |id: &u64| registry.key(KeyId(*id)).map_or(0, |key| key.subkeys().len());
    let keys: usize = rows.keys.iter().map(|(id, _)| in_keys(id)).sum();
    if (keys + 1, rows.values.len()) != registry.count() {
        return Err("two keys or values have the same name".to_owned());
    }
    registry.reserve(KeyId(rows.next));
    Ok(Loaded { revision: Revision(rows.revision), registry })
}

struct Rows {
    keys: Vec<(u64, Vec<u8>)>,
    values: Vec<(u64, Vec<u8>)>,
    revision: u64,
    next: u64,
}

fn rows(database: &Database) -> Result<Rows, redb::Error> {
    let transaction = database.begin_read()?;
    let mut keys = Vec::new();
    for row in transaction.open_table(KEYS)?.iter()? {
        let (id, row) = row?;
        keys.push((id.value(), row.value().to_vec()));
    }
    let mut values = Vec::new();
    for row in transaction.open_table(VALUES)?.iter()? {
        let (place, row) = row?;
        values.push((place.value().0, row.value().to_vec()));
    }
    let about = transaction.open_table(KIND.about())?;
    let number = |name: &str| Ok::<_, redb::Error>(about.get(name)?.map_or(0, |number| number.value()));
    Ok(Rows { keys, values, revision: number(REVISION)?, next: number(NEXT)? })
}

/// Rows whose folded name is not what the name folds to now: the file was written by a clusterd
/// that knew other letters. They are written anew, so that a value is found under its name.
pub(super) fn refold(database: &Database) -> Result<(), redb::Error> {
    let mut moved = Vec::new();
    for row in database.begin_read()?.open_table(VALUES)?.iter()? {
        let (place, row) = row?;
        let (key, folded_then) = place.value();
        if let Some(name) = value_name(row.value()).and_then(name_of)
            && folded(&name) != folded_then
        {
            moved.push((key, folded_then.to_vec(), folded(&name), row.value().to_vec()));
        }
    }
    if moved.is_empty() {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    {
        let mut values = transaction.open_table(VALUES)?;
        for (key, before, _, _) in &moved {
            values.remove((*key, &**before))?;
        }
        for (key, _, now, row) in &moved {
            values.insert((*key, &**now), &**row)?;
        }
    }
    Ok(transaction.commit()?)
}

fn octets(name: &Name) -> Vec<u8> {
    name.units().iter().flat_map(|unit| unit.to_le_bytes()).collect()
}

/// Sorts as names do.
fn folded(name: &Name) -> Vec<u8> {
    name.folded().flat_map(u16::to_be_bytes).collect()
}

fn name_of(octets: &[u8]) -> Option<Name> {
    let (units, rest) = octets.as_chunks::<2>();
    let text = WString::from_units(units.iter().map(|&unit| u16::from_le_bytes(unit)));
    rest.is_empty().then(|| Name::of_value(&text).ok()).flatten()
}

/// Parent, time, length of the name, name; then, if it has one, a 1 and the security descriptor.
fn key_row(parent: Option<KeyId>, name: Option<&Name>, security: Option<&Bytes>, last_write: u64) -> Vec<u8> {
    let mut row = Vec::new();
    row.extend(parent.map_or(NO_PARENT, |parent| parent.0).to_le_bytes());
    row.extend(last_write.to_le_bytes());
    put_name(&mut row, &name.map(octets).unwrap_or_default());
    if let Some(security) = security {
        row.push(1);
        row.extend_from_slice(security);
    }
    row
}

fn key_of_row(id: u64, row: &[u8]) -> Option<Change> {
    let (parent, row) = row.split_first_chunk::<8>()?;
    let (last_write, row) = row.split_first_chunk::<8>()?;
    let (name, row) = take_name(row)?;
    let security = match row {
        [] => None,
        [1, security @ ..] => Some(Bytes::copy_from_slice(security)),
        _ => return None,
    };
    let parent = Some(u64::from_le_bytes(*parent)).filter(|&parent| parent != NO_PARENT).map(KeyId);
    let name = if name.is_empty() { None } else { Some(name_of(name)?) };
    let last_write = u64::from_le_bytes(*last_write);
    let is_root = id == KeyId::ROOT.0;
    let whole = parent.is_none() == is_root && name.is_none() == is_root;
    whole.then_some(Change::PutKey { id: KeyId(id), parent, name, security, last_write })
}

/// Type, length of the name, name, data.
fn value_row(name: &[u8], value: &Value) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + name.len() + value.data.len());
    row.extend(value.kind.0.to_le_bytes());
    put_name(&mut row, name);
    row.extend_from_slice(&value.data);
    row
}

fn value_of_row(key: u64, row: &[u8]) -> Option<Change> {
    let (kind, row) = row.split_first_chunk::<4>()?;
    let (name, data) = take_name(row)?;
    let value = Value { kind: ValueType(u32::from_le_bytes(*kind)), data: Bytes::copy_from_slice(data) };
    Some(Change::PutValue { key: KeyId(key), name: name_of(name)?, value })
}

fn value_name(row: &[u8]) -> Option<&[u8]> {
    Some(take_name(row.get(4..)?)?.0)
}

/// Names have less than 2^15 octets.
fn put_name(row: &mut Vec<u8>, name: &[u8]) {
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    row.extend(length.to_le_bytes());
    row.extend_from_slice(name);
}

fn take_name(row: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, row) = row.split_first_chunk::<2>()?;
    row.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_cut_anywhere_or_of_any_octets_are_malformed_or_something_but_no_panic() {
        let name = Name::of_value(&"Größe".into()).unwrap();
        let key = key_row(Some(KeyId(3)), Some(&name), Some(&Bytes::from_static(&[9; 20])), 77);
        let value = value_row(&octets(&name), &Value::dword(5));
        let cuts = (0..=key.len()).filter(|&length| key_of_row(4, &key[..length]).is_some());
        // Without a security descriptor, or with a shorter one.
        assert_eq!(cuts.count(), 1 + 21);
        let cuts = (0..=value.len()).filter(|&length| value_of_row(4, &value[..length]).is_some());
        assert_eq!(cuts.count(), 5, "data may be shorter");
        let mut state = 1_u64;
        for length in 0..2_000 {
            let mut row = Vec::new();
            for _ in 0..length % 70 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Small ones make lengths that fit.
                row.push((state >> 60) as u8);
            }
            let found = (key_of_row(length, &row), value_of_row(length, &row), value_name(&row));
            assert!(row.len() >= 6 || found == (None, None, None));
        }
    }
}
