//! A run of the front end over one or more root files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::ast;
use crate::decode::decode;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::furniture;
use crate::limits::Limits;
use crate::loader::{LoadError, Loader};
use crate::parse;
use crate::preprocess::{self, load_error, preprocess};
use crate::source::{FileId, Reason, SourceMap, Span};
use crate::token::Interner;

/// What [`Session::parse`] has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The root file; `None` when it could not be read.
    pub root: Option<FileId>,
    /// The root and all that it imports, directly or not, each once, imports before importers.
    pub order: Vec<FileId>,
}

/// A file that an `import` or `#include` names and that was not found, or not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFile {
    /// The name as written.
    pub name: String,
    /// The place that names it.
    pub span: Span,
}

/// Whether a file is a header of C by its name.
pub(crate) fn is_header(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| ["h", "hh", "hpp", "hxx", "inl"].iter().any(|known| extension == *known))
}

/// How far a file has got.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Its imports are being parsed.
    Open(FileId),
    Done(FileId),
}

/// Reads IDL files and keeps what it read.
pub struct Session {
    /// All files read.
    pub sources: SourceMap,
    /// All that there is to say about them.
    pub diagnostics: Diagnostics,
    /// Bounds on what a file may ask for. Change them before the first file.
    pub limits: Limits,
    pub(crate) interner: Interner,
    loader: Box<dyn Loader>,
    files: BTreeMap<FileId, ast::File>,
    states: HashMap<PathBuf, State>,
    /// Files being parsed, the root first, with the place of the `import` of each.
    chain: Vec<(FileId, Option<Span>)>,
    missing: Vec<MissingFile>,
    pub(crate) poisoned: HashSet<String>,
    defines: String,
    acf: Option<PathBuf>,
    /// Files that are no error to miss.
    dispensable: &'static [&'static str],
    /// Files with a C header's name that have interfaces in them.
    pub(crate) idl_headers: HashSet<FileId>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("files", &self.files.keys())
            .field("errors", &self.diagnostics.error_count())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session that reads files through `loader`. The macro `__midl` is defined as 1000, and
    /// `MIDL_PASS` as 1: headers hide from MIDL with it what is only for C.
    pub fn new(loader: Box<dyn Loader>) -> Self {
        let mut this = Self {
            sources: SourceMap::new(),
            diagnostics: Diagnostics::new(),
            limits: Limits::default(),
            interner: Interner::new(),
            loader,
            files: BTreeMap::new(),
            states: HashMap::new(),
            chain: Vec::new(),
            missing: Vec::new(),
            poisoned: HashSet::new(),
            defines: String::new(),
            acf: None,
            dispensable: &[],
            idl_headers: HashSet::new(),
        };
        this.define("__midl", "1000");
        this.define("MIDL_PASS", "1");
        this
    }

    /// Predefines an object-like macro for all files parsed from now on (`-D name=value`).
    pub fn define(&mut self, name: &str, value: &str) {
        // A line end in a name or value must not begin another directive.
        let line = format!("#define {name} {value}").replace(['\n', '\r'], " ");
        self.defines.push_str(&line);
        self.defines.push('\n');
        self.sources.set_builtin(&self.defines);
    }

    /// Takes back a predefined macro (`-U name`).
    pub fn undefine(&mut self, name: &str) {
        let line = format!("#undef {name}").replace(['\n', '\r'], " ");
        self.defines.push_str(&line);
        self.defines.push('\n');
        self.sources.set_builtin(&self.defines);
    }

    /// Names the ACF file of the roots parsed from now on. Without, a root's is the file of its name
    /// with the extension `acf`, if there is one.
    pub fn set_acf(&mut self, path: Option<PathBuf>) {
        self.acf = path;
    }

    /// Names files whose import is a warning, not an error, where they are not found: who asks for
    /// this knows what they declare.
    pub fn do_without(&mut self, names: &'static [&'static str]) {
        self.dispensable = names;
    }

    /// Parses a root file and, recursively, what it imports. Files that the session has parsed
    /// before are not parsed again.
    pub fn parse(&mut self, path: &Path) -> Parsed {
        let name = path.to_string_lossy();
        // A root is named by its path; it is not looked for.
        let root = self.parse_file(path.to_path_buf(), &name, None);
        let order = root.map(|root| self.order_of(root)).unwrap_or_default();
        Parsed { root, order }
    }

    /// The tree of a file that was parsed (not of one that was only included).
    pub fn file(&self, id: FileId) -> Option<&ast::File> {
        self.files.get(&id)
    }

    /// Whether a file is a header of C: it has the name of one, and no interface in it.
    pub fn is_c_header(&self, id: FileId) -> bool {
        is_header(self.sources.path(id)) && !self.idl_headers.contains(&id)
    }

    /// All trees, by id.
    pub fn files(&self) -> impl Iterator<Item = &ast::File> {
        self.files.values()
    }

    /// Files that were asked for and not found. Where there are some, an unknown name may only
    /// be a consequence.
    pub fn missing_imports(&self) -> &[MissingFile] {
        &self.missing
    }

    /// Names that declarations with errors would have declared: unknown, but already told.
    pub fn poisoned_names(&self) -> &HashSet<String> {
        &self.poisoned
    }

    /// `root` and what it imports, imports first.
    fn order_of(&self, root: FileId) -> Vec<FileId> {
        let mut order = Vec::new();
        let mut seen = HashSet::from([root]);
        // A file waits with the number of its imports that were visited.
        let mut stack = vec![(root, 0)];
        while let Some((id, next)) = stack.pop() {
            let import = self.files.get(&id).and_then(|file| file.imports.get(next));
            match import {
                Some(import) => {
                    stack.push((id, next + 1));
                    if seen.insert(*import) {
                        stack.push((*import, 0));
                    }
                }
                None => order.push(id),
            }
        }
        order
    }

    /// Parses the file that `span` in `importer` imports.
    pub(crate) fn import(&mut self, name: &str, importer: FileId, span: Span) -> Option<FileId> {
        let from = self.sources.path(importer).to_path_buf();
        match self.loader.resolve(name, Some(&from)) {
            Ok(path) => self.parse_file(path, name, Some(span)),
            Err(error) => {
                let mut diagnostic = load_error(&error, "import", name, span);
                let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
                if matches!(error, LoadError::NotFound { .. })
                    && self.dispensable.iter().any(|other| other.eq_ignore_ascii_case(base))
                {
                    diagnostic.severity = Severity::Warning;
                    diagnostic.notes.push("its best-known types are built in, and stand in for it".to_owned());
                }
                self.diagnostics.push(diagnostic);
                self.missing.push(MissingFile { name: name.to_owned(), span });
                None
            }
        }
    }

    fn parse_file(&mut self, path: PathBuf, name: &str, import: Option<Span>) -> Option<FileId> {
        let identity = self.loader.identity(&path);
        match self.states.get(&identity) {
            Some(State::Done(id)) => return Some(*id),
            Some(State::Open(id)) => {
                let id = *id;
                self.import_cycle(id, import);
                return None;
            }
            None => {}
        }
        if self.chain.len() >= self.limits.max_include_depth {
            if let Some(span) = import {
                let limit = self.limits.max_include_depth;
                self.diagnostics.push(
                    Diagnostic::error("import-limit", "imports are nested too deeply")
                        .label(span, format!("more than {limit} files import each other")),
                );
            }
            return None;
        }
        let id = self.read(path, name, import)?;
        self.states.insert(identity.clone(), State::Open(id));
        self.chain.push((id, import));
        let (output, missing) = self.preprocess(id, identity.clone());
        self.missing.extend(missing.into_iter().map(|(name, span)| MissingFile { name, span }));
        if output.truncated {
            let span = import.unwrap_or(Span::new(id, 0, 0));
            self.missing.push(MissingFile { name: name.to_owned(), span });
        }
        let mut file = parse::parse_file(self, id, output);
        if import.is_none() {
            self.configure(&mut file);
        }
        self.files.insert(id, file);
        self.chain.pop();
        self.states.insert(identity, State::Done(id));
        Some(id)
    }

    fn preprocess(&mut self, id: FileId, identity: PathBuf) -> (preprocess::Output, Vec<(String, Span)>) {
        let mut missing = Vec::new();
        let cx = preprocess::Context {
            sources: &mut self.sources,
            interner: &mut self.interner,
            diagnostics: &mut self.diagnostics,
            loader: &*self.loader,
            limits: &self.limits,
            missing: &mut missing,
        };
        let output = preprocess(cx, id, identity);
        (output, missing)
    }

    /// Adds the attributes of the ACF file of a root: the one that was named, or the one beside it.
    fn configure(&mut self, file: &mut ast::File) {
        let idl = self.sources.path(file.id).to_path_buf();
        let given = self.acf.clone();
        let path = given.clone().unwrap_or_else(|| idl.with_extension("acf"));
        if path == idl {
            return;
        }
        let bytes = match self.loader.read(&path) {
            Ok(bytes) if bytes.len() <= self.limits.max_file_bytes => bytes,
            Err(error) if given.is_some() => {
                self.diagnostics.push(Diagnostic::error("file-unreadable", error.to_string()));
                return;
            }
            _ => return,
        };
        let (text, encoding) = decode(bytes);
        let identity = self.loader.identity(&path);
        let id = self.sources.add(path, text, encoding, None);
        let (output, _) = self.preprocess(id, identity);
        let acf = parse::parse_acf(self, id, output);
        let unknown = parse::apply(acf, file);
        self.diagnostics.extend(unknown);
    }

    fn read(&mut self, path: PathBuf, name: &str, import: Option<Span>) -> Option<FileId> {
        let bytes = match self.loader.read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let diagnostic = match import {
                    Some(span) => load_error(&error, "import", name, span),
                    None => Diagnostic::error("file-unreadable", error.to_string()),
                };
                self.diagnostics.push(diagnostic);
                self.missing.extend(import.map(|span| MissingFile { name: name.to_owned(), span }));
                return None;
            }
        };
        let limit = self.limits.max_file_bytes;
        if bytes.len() > limit {
            let message = format!("`{name}` has {} octets; the limit is {limit}", bytes.len());
            let diagnostic = Diagnostic::error("file-limit", message);
            self.diagnostics.push(match import {
                Some(span) => diagnostic.label(span, ""),
                None => diagnostic,
            });
            return None;
        }
        let (text, encoding) = decode(bytes);
        let (blanked, furniture) = furniture::blank(&text);
        let blanked = blanked.into_owned();
        let id = self.sources.add(path, text, encoding, import.map(Reason::Import));
        if let Some((start, end)) = furniture {
            self.sources.set_blanked(id, &blanked);
            self.diagnostics.push(furniture::warning(Span::new(id, start, end)));
        }
        Some(id)
    }

    fn import_cycle(&mut self, id: FileId, import: Option<Span>) {
        let Some(span) = import else { return };
        let start = self.chain.iter().position(|(open, _)| *open == id).unwrap_or(0);
        let cycle = self.chain.get(start..).unwrap_or_default();
        let path = |id: FileId| format!("`{}`", self.sources.path(id).display());
        let mut steps: Vec<String> = cycle.iter().map(|(id, _)| path(*id)).collect();
        steps.push(path(id));
        let mut diagnostic = Diagnostic::error("import-cycle", format!("{} imports itself", path(id)))
            .label(span, "this closes the circle")
            .note(steps.join(" imports "))
            .help("move what both files need into a third file");
        for (_, place) in cycle.iter().skip(1) {
            if let Some(place) = place {
                diagnostic = diagnostic.secondary(*place, "by way of this import");
            }
        }
        self.diagnostics.push(diagnostic);
    }
}
