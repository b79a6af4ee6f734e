//! Properties of objects: listing them, and PROP=VALUE.

use clap::{Args, Subcommand};
use msrpc_cluster::{
    clusapi_client::{ClusterError, ObjectKind, PropertySet},
    cluster::property_list::Property,
};
use serde_json::json;

use super::{
    Desk, Session,
    data::{Data, DataType},
};
use crate::{
    failure::{Failure, Kind},
    output,
};

/// What to do with properties.
#[derive(Debug, Subcommand)]
pub(crate) enum PropertyCommand {
    /// List an object's properties, common and private
    List {
        /// Its name or ID.
        name: String,
    },
}

/// Properties to set.
#[derive(Debug, Args)]
pub(crate) struct Assignments {
    /// Properties and their values; several of one name make a list of strings
    #[arg(value_name = "PROP=VALUE", required = true, value_parser = assignment)]
    assignments: Vec<(String, String)>,
    /// Set private properties, new ones too
    #[arg(long)]
    private: bool,
    /// The type of a new private property
    #[arg(long = "type", value_enum, value_name = "TYPE", requires = "private", default_value_t = DataType::Sz)]
    data_type: DataType,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write PROP=VALUE".to_owned()),
    }
}

/// A property, and the list that it is in.
pub(super) type Listed = (PropertySet, Property);

const SETS: [PropertySet; 4] =
    [PropertySet::Common, PropertySet::CommonReadOnly, PropertySet::Private, PropertySet::PrivateReadOnly];

/// All property lists of an object.
pub(super) async fn all(
    read: impl AsyncFn(PropertySet) -> Result<Vec<Property>, ClusterError>,
) -> Result<Vec<Listed>, ClusterError> {
    let mut listed = Vec::new();
    for set in SETS {
        match read(set).await {
            Ok(properties) => listed.extend(properties.into_iter().map(|property| (set, property))),
            // Not all objects have all lists.
            Err(error) if set != PropertySet::Common && is_missing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(listed)
}

fn is_missing(error: &ClusterError) -> bool {
    // ERROR_INVALID_FUNCTION is what a resource's DLL says to a code that it does not know.
    error.cause.is_unknown_method() || error.status().is_some_and(|status| status.0 == 1)
}

/// All property lists of an object that has a handle.
pub(super) async fn of_object<K: ObjectKind>(session: &Session, name: &str) -> Result<Vec<Listed>, ClusterError> {
    all(async |set| session.properties::<K>(name, set).await).await
}

fn data(property: &Property) -> Option<Data> {
    property.values.first().map(Data::from)
}

/// Properties as JSON shows them.
pub(super) fn json_list<'a>(listed: impl IntoIterator<Item = &'a Listed>) -> serde_json::Value {
    let values = listed.into_iter().filter_map(|(set, property)| {
        let data = data(property)?;
        let (set, read_only) = word(*set);
        Some(json!({
            "name": property.name.to_string_lossy(),
            "set": set,
            "read_only": read_only,
            "type": data.kind.name(),
            "value": data.json(),
        }))
    });
    values.collect()
}

fn word(set: PropertySet) -> (&'static str, bool) {
    match set {
        PropertySet::Common => ("common", false),
        PropertySet::CommonReadOnly => ("common", true),
        PropertySet::Private => ("private", false),
        PropertySet::PrivateReadOnly => ("private", true),
    }
}

/// What `property list` prints.
pub(super) fn show(listed: &[Listed], is_json: bool) -> String {
    if is_json {
        return output::json(&json_list(listed));
    }
    let rows = listed.iter().filter_map(|(set, property)| {
        let data = data(property)?;
        let (set, read_only) = word(*set);
        let set = if read_only { format!("{set}, read-only") } else { set.to_owned() };
        Some([property.name.to_string_lossy(), set, data.kind.name(), data.text()])
    });
    output::table(["PROPERTY", "SET", "TYPE", "VALUE"], rows)
}

/// Sets properties: `read` and `write` are the object's.
pub(super) async fn set(
    desk: &mut Desk<'_>,
    what: &str,
    wanted: &Assignments,
    read: impl AsyncFn(&Session, PropertySet) -> Result<Vec<Property>, ClusterError>,
    write: impl AsyncFn(&Session, PropertySet, &[Property]) -> Result<bool, ClusterError>,
) -> Result<String, Failure> {
    let listed = desk.run(async |session| all(async |set| read(session, set).await).await).await?;
    let properties =
        resolve(wanted, &listed).map_err(|error| Failure::new(Kind::Usage, format_args!("{what}: {error}")))?;
    let mut later = false;
    for set in [PropertySet::Common, PropertySet::Private] {
        let some: Vec<_> = properties.iter().filter(|(other, _)| *other == set).map(|(_, it)| it.clone()).collect();
        if !some.is_empty() {
            later |= desk.run(async |session| write(session, set, &some).await).await?;
        }
    }
    let names: Vec<_> = properties.iter().map(|(_, property)| property.name.to_string_lossy()).collect();
    let when = if later { "; it counts when it is next brought online" } else { "" };
    Ok(desk.done(
        format!("{what}: {} set{when}", names.join(", ")),
        &json!({ "set": json_list(&properties), "counts_when_next_online": later }),
    ))
}

/// What is to be set, with the names and the types that the server has.
fn resolve(wanted: &Assignments, listed: &[Listed]) -> Result<Vec<Listed>, String> {
    let mut texts: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, value) in &wanted.assignments {
        match texts.iter_mut().find(|(other, _)| other.to_lowercase() == name.to_lowercase()) {
            Some((_, values)) => values.push(value.clone()),
            None => texts.push((name, vec![value.clone()])),
        }
    }
    let resolved = texts.into_iter().map(|(name, texts)| {
        let same = |property: &Property| property.name.to_string_lossy().to_lowercase() == name.to_lowercase();
        let fits = |set: PropertySet| match set {
            PropertySet::Common => !wanted.private,
            PropertySet::Private => true,
            _ => false,
        };
        let found = listed.iter().find(|(set, property)| fits(*set) && same(property));
        let (set, kind, name) = match found {
            Some((set, property)) => {
                let kind = data(property).map_or(DataType::Sz, |data| data.kind);
                (*set, kind, property.name.clone())
            }
            None if wanted.private => (PropertySet::Private, wanted.data_type, name.into()),
            None if listed.iter().any(|(_, property)| same(property)) => {
                return Err(format!("the property {name} is read-only"));
            }
            None => {
                return Err(format!(
                    "there is no property {name} ('property list' lists them); \
                     --private makes a private one, of the type that --type says"
                ));
            }
        };
        let parsed = Data::parse(kind, &texts).map_err(|error| format!("{}: {error}", name.to_string_lossy()))?;
        Ok((set, Property { name, values: vec![parsed.into()] }))
    });
    resolved.collect()
}

#[cfg(test)]
mod tests {
    use msrpc_cluster::cluster::property_list::PropertyValue;

    use super::*;

    fn wanted(assignments: &[(&str, &str)], private: bool) -> Assignments {
        let assignments = assignments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Assignments { assignments, private, data_type: DataType::Dword }
    }

    fn listed() -> Vec<Listed> {
        let property = |name: &str, value| Property { name: name.into(), values: vec![value] };
        vec![
            (PropertySet::Common, property("RestartDelay", PropertyValue::dword(500))),
            (PropertySet::CommonReadOnly, property("Type", PropertyValue::string("Network Name"))),
            (PropertySet::Private, property("DnsName", PropertyValue::string("web"))),
        ]
    }

    #[test]
    fn properties_take_the_type_that_the_server_has_for_them() {
        let resolved = resolve(&wanted(&[("restartdelay", "0x10"), ("DNSNAME", "shop")], false), &listed()).unwrap();
        assert_eq!(resolved[0].0, PropertySet::Common);
        assert_eq!(resolved[0].1.name.to_string_lossy(), "RestartDelay");
        assert_eq!(resolved[0].1.values, [PropertyValue::dword(16)]);
        assert_eq!(
            (resolved[1].0, &resolved[1].1.values),
            (PropertySet::Private, &vec![PropertyValue::string("shop")])
        );
        let new = resolve(&wanted(&[("Weight", "7")], true), &listed()).unwrap();
        assert_eq!((new[0].0, &new[0].1.values), (PropertySet::Private, &vec![PropertyValue::dword(7)]));
    }

    #[test]
    fn what_cannot_be_set_says_why() {
        let error = |assignments: &[(&str, &str)]| resolve(&wanted(assignments, false), &listed()).unwrap_err();
        assert!(error(&[("Type", "x")]).contains("read-only"));
        assert!(error(&[("Nonesuch", "x")]).contains("--private"));
        assert!(error(&[("RestartDelay", "soon")]).contains("no number"));
        assert!(error(&[("RestartDelay", "1"), ("RestartDelay", "2")]).contains("one value"));
    }
}
