//! What cannot be generated, and what that takes with it.

use midlc_parser::diag::Diagnostic;

use super::{Resolver, elements_of};
use crate::model::{FileModel, InterfaceDef, TypeId, unsupported_reason};

impl Resolver<'_> {
    /// Marks what cannot travel, and what contains it.
    pub(super) fn settle_support(&mut self) {
        self.spread_to_types();
        let mut found = Vec::new();
        for (f, file) in self.model.files.iter().enumerate() {
            for (i, interface) in file.interfaces.iter().enumerate() {
                for (m, method) in interface.methods.iter().enumerate() {
                    if method.unsupported.is_some() || method.reserved {
                        continue;
                    }
                    let mut elements = method.elements();
                    if let Some(reason) = elements.find_map(|element| unsupported_reason(&self.model, element)) {
                        found.push((f, i, m, reason));
                    }
                }
            }
        }
        for (f, i, m, reason) in found {
            self.model.files[f].interfaces[i].methods[m].unsupported = Some(reason);
        }
        self.need_bases();
        self.want_imports();
        self.warn_unsupported();
    }

    fn spread_to_types(&mut self) {
        // Who contains whom, so that every type is looked at once for each reason.
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); self.model.types.len()];
        for (index, ty) in self.model.types.iter().enumerate() {
            for element in elements_of(&ty.kind) {
                if let crate::model::Base::Type(TypeId(inner)) = element.base {
                    users[inner].push(index);
                }
            }
        }
        let mut open: Vec<usize> = (0..self.model.types.len()).collect();
        while let Some(index) = open.pop() {
            let ty = &self.model.types[index];
            let reason = match &ty.unsupported {
                _ if ty.known.is_some() => None,
                Some(_) => None,
                None => elements_of(&ty.kind).find_map(|element| unsupported_reason(&self.model, element)),
            };
            if let Some(reason) = reason {
                self.model.types[index].unsupported = Some(reason);
                open.extend(&users[index]);
            }
        }
    }

    /// Types of imported files that generated code refers to are generated, too, unless they are in
    /// a Rust module already.
    fn want_imports(&mut self) {
        for index in (0..self.model.files.len()).rev() {
            if !self.model.files[index].wanted {
                continue;
            }
            for import in self.files_of(&self.model.files[index]) {
                let file = &mut self.model.files[import];
                file.wanted |= file.extern_path.is_none();
            }
        }
    }

    /// The files whose types a file refers to.
    fn files_of(&self, file: &FileModel) -> Vec<usize> {
        let types = file.types.iter().flat_map(|&id| elements_of(&self.model.ty(id).kind));
        let interfaces = file.interfaces.iter().filter(|interface| file.root || interface.needed);
        let methods = interfaces.flat_map(|interface| &interface.methods);
        let elements = types.chain(methods.flat_map(crate::model::Method::elements));
        let mut found: Vec<usize> = elements
            .filter_map(|element| match element.base {
                crate::model::Base::Type(id) => Some(self.model.ty(id).file),
                crate::model::Base::Handle(id) => Some(self.model.handle(id).file),
                crate::model::Base::Known(ref known) => self.file_of_known(known),
                _ => None,
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn warn_unsupported(&mut self) {
        let mut warnings = Vec::new();
        for file in self.model.files.iter().filter(|file| file.root) {
            for &id in &file.types {
                let ty = self.model.ty(id);
                if let Some(reason) =
                    ty.unsupported.as_ref().filter(|_| ty.known.is_none() && !self.is_marshalled_by_user(id))
                {
                    warnings.push(
                        Diagnostic::warning(super::NOT_GENERATED, format!("no Rust is generated for {}", ty.idl_name))
                            .label(ty.span, reason.clone()),
                    );
                }
            }
            for interface in &file.interfaces {
                warn_of_operations(interface, &mut warnings);
            }
        }
        self.diagnostics.extend(warnings);
    }
}

fn warn_of_operations(interface: &InterfaceDef, warnings: &mut Vec<Diagnostic>) {
    for method in &interface.methods {
        if let Some(reason) = &method.unsupported {
            warnings.push(
                Diagnostic::warning(super::NOT_GENERATED, format!("operation {} is not generated", method.idl_name))
                    .label(method.span, reason.clone())
                    .note("the opnum keeps its slot; calls of it end in nca_s_op_rng_error"),
            );
        }
    }
    for callback in &interface.callbacks {
        warnings.push(
            Diagnostic::warning(super::NOT_GENERATED, format!("callback {} is not generated", callback.idl_name))
                .label(callback.span, "the server would call the client back, which is not supported")
                .note("callbacks have opnums of their own; those of operations are not affected"),
        );
    }
}
