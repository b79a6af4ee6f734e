//! Keys in the format of registry files.

use msrpc_cluster::{
    clusapi_client::RegistryKey,
    cluster::registry::{Value, ValueType},
};

/// Where Windows has a cluster's registry.
const ROOT: &str = r"HKEY_LOCAL_MACHINE\Cluster";
/// How many octets stand on a line.
const OCTETS_ON_LINE: usize = 24;

/// A key with all below it.
pub(super) fn text(path: &str, key: &RegistryKey) -> String {
    let mut text = "Windows Registry Editor Version 5.00\n".to_owned();
    let root = if path.is_empty() { ROOT.to_owned() } else { format!("{ROOT}\\{path}") };
    write(&root, key, &mut text);
    text
}

fn write(path: &str, key: &RegistryKey, text: &mut String) {
    text.push_str(&format!("\n[{path}]\n"));
    for (name, value) in &key.values {
        let name = if name.is_empty() { "@".to_owned() } else { quoted(name) };
        text.push_str(&format!("{name}={}\n", data(value)));
    }
    for below in &key.keys {
        write(&format!("{path}\\{}", below.name), below, text);
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn data(value: &Value) -> String {
    if let Some(number) = value.as_dword() {
        return format!("dword:{number:08x}");
    }
    // Only what survives is written as a text: the rest of a REG_SZ may be octets of any kind.
    if value.kind == ValueType::REG_SZ
        && let Some(text) = value.as_string()
        && Value::string(&text) == *value
        && !text.contains(char::is_control)
    {
        return quoted(&text);
    }
    let kind = match value.kind {
        ValueType::REG_BINARY => "hex:".to_owned(),
        ValueType(other) => format!("hex({other:x}):"),
    };
    let octets: Vec<String> = value.data.iter().map(|octet| format!("{octet:02x}")).collect();
    let lines: Vec<String> = octets.chunks(OCTETS_ON_LINE).map(|line| line.join(",")).collect();
    format!("{kind}{}", lines.join(",\\\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_regedit_writes_them() {
        let key = RegistryKey {
            name: "Shop".to_owned(),
            values: vec![
                (String::new(), Value::string(r#"C:\say "hi""#)),
                ("Limit".to_owned(), Value::dword(0x1f)),
                ("Big".to_owned(), Value::qword(1)),
                ("Raw".to_owned(), Value::binary(vec![1, 0xff])),
                ("List".to_owned(), Value::strings(["a"])),
                ("Odd".to_owned(), Value { kind: ValueType::REG_SZ, data: vec![0x41].into() }),
            ],
            keys: vec![RegistryKey { name: "Below".to_owned(), ..RegistryKey::default() }],
        };
        let expected = "Windows Registry Editor Version 5.00\n\
            \n[HKEY_LOCAL_MACHINE\\Cluster\\Shop]\n\
            @=\"C:\\\\say \\\"hi\\\"\"\n\
            \"Limit\"=dword:0000001f\n\
            \"Big\"=hex(b):01,00,00,00,00,00,00,00\n\
            \"Raw\"=hex:01,ff\n\
            \"List\"=hex(7):61,00,00,00,00,00\n\
            \"Odd\"=hex(1):41\n\
            \n[HKEY_LOCAL_MACHINE\\Cluster\\Shop\\Below]\n";
        assert_eq!(text("Shop", &key), expected);
    }

    #[test]
    fn long_data_goes_over_several_lines() {
        let text = data(&Value::binary(vec![0; 30]));
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().next().unwrap().ends_with(",\\"), "{text}");
    }
}
