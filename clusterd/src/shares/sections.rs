//! Samba's configuration as `testparm -s` and `net conf list` write it.

use super::same_name;

/// A section: a share, or `global`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    /// Parameters in their order, as Samba spells them.
    pub(super) parameters: Vec<(String, String)>,
}

impl Section {
    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(key, _)| same_parameter(key, name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "yes" | "true" | "1" | "on"))
    }

    pub(super) fn is_false(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "no" | "false" | "0" | "off"))
    }

    /// As a file of its own.
    pub(super) fn to_text(&self) -> String {
        format!("[{}]\n{}", self.name, self.parameters_text())
    }

    /// The parameters alone, one to a line.
    pub(super) fn parameters_text(&self) -> String {
        self.parameters.iter().map(|(key, value)| format!("\t{key} = {value}\n")).collect()
    }
}

/// Blanks and case in parameters' names mean nothing to Samba.
pub(super) fn same_parameter(a: &str, b: &str) -> bool {
    let plain =
        |name: &str| name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect::<String>();
    plain(a) == plain(b)
}

/// Takes the text apart. Samba has read the configuration and writes one parameter to a line.
pub(super) fn parse(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            sections.push(Section { name: name.to_owned(), parameters: Vec::new() });
        } else if let (Some(section), Some((key, value))) = (sections.last_mut(), line.split_once('=')) {
            section.parameters.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    sections
}

/// A share's section.
pub(super) fn share<'a>(sections: &'a [Section], name: &str) -> Option<&'a Section> {
    let special = ["global", "homes", "printers", "IPC$"];
    let section = sections.iter().find(|section| same_name(&section.name, name))?;
    let served = !section.is_true("printable") && !section.is_false("available");
    (served && !special.iter().any(|special| same_name(special, name))).then_some(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Global parameters\n[global]\n\tregistry shares = Yes\n\n\n[data]\n\tcomment = \"a = b\"\n\
        \tpath = /srv/data\n\tread only = No\n\n[Lp]\n\tprintable = Yes\n[off]\n\tavailable = No\n[homes]\n";

    #[test]
    fn shares_are_found_whatever_the_case() {
        let sections = parse(TEXT);
        let data = share(&sections, "DATA").unwrap();
        assert_eq!(data.get("comment"), Some("\"a = b\""));
        assert_eq!(data.get("Read Only"), Some("No"));
        assert_eq!(parse(&data.to_text()).first(), Some(data));
    }

    #[test]
    fn what_is_no_share_of_files_is_none() {
        let sections = parse(TEXT);
        for name in ["global", "lp", "off", "Homes", "IPC$", "other", "data]"] {
            assert_eq!(share(&sections, name), None, "{name}");
        }
    }
}
