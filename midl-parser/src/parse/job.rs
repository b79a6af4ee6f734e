//! One declaration on its way through pest, and macros that are expressions.

use pest::Parser as _;

use super::{DEEP, DEEP_STACK, Failure};
use crate::ast::Expr;
use crate::build::Builder;
use crate::diag::Diagnostic;
use crate::grammar::{Grammar, Rule};
use crate::limits::Limits;
use crate::piece::Piece;
use crate::preprocess::MacroOutput;
use crate::syntax_error;
use crate::token::{Interner, sym};

/// One declaration to be parsed.
pub(super) struct Job<'a> {
    pub(super) piece: Piece<'a>,
    pub(super) docs: &'a [String],
    pub(super) limits: &'a Limits,
    pub(super) rule: Rule,
    pub(super) what: &'a str,
}

impl Job<'_> {
    pub(super) fn run<T: Send>(
        &self,
        depth: usize,
        build: impl Fn(&mut Builder<'_>, crate::build::Pair<'_>) -> T + Send,
    ) -> Result<(T, Vec<Diagnostic>), Failure> {
        if depth <= DEEP {
            return self.run_here(build);
        }
        std::thread::scope(|scope| {
            let worker =
                std::thread::Builder::new().stack_size(DEEP_STACK).spawn_scoped(scope, || self.run_here(build));
            match worker.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(result)) => result,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(error) => Err(self.no_thread(&error)),
            }
        })
    }

    fn no_thread(&self, error: &std::io::Error) -> Failure {
        let span = self.piece.span(0, self.piece.text().len());
        let message = format!("this declaration needs a larger stack, which cannot be had: {error}");
        Box::new(Diagnostic::error("nested-too-deeply", message).label(span, ""))
    }

    fn run_here<T>(
        &self,
        build: impl Fn(&mut Builder<'_>, crate::build::Pair<'_>) -> T,
    ) -> Result<(T, Vec<Diagnostic>), Failure> {
        match Grammar::parse(self.rule, self.piece.text()) {
            Ok(mut pairs) => {
                let mut builder = Builder::new(&self.piece, self.docs, self.limits);
                match pairs.next() {
                    Some(pair) => {
                        let result = build(&mut builder, pair);
                        Ok((result, builder.diagnostics))
                    }
                    None => Err(Box::new(Diagnostic::error("syntax-error", "nothing to parse"))),
                }
            }
            Err(error) => Err(Box::new(syntax_error::diagnose(&self.piece, &error, self.what))),
        }
    }
}

/// The replacement of a macro as an expression, where it is one.
pub(super) fn macro_value(output: &MacroOutput, interner: &Interner, limits: &Limits) -> Option<Expr> {
    let mut nesting = 0usize;
    let mut questions = 0usize;
    for token in &output.body {
        match token.text {
            sym::LPAREN => nesting += 1,
            sym::RPAREN => nesting = nesting.checked_sub(1)?,
            // Cheap proof that it is none.
            sym::SEMI | sym::LBRACE | sym::LBRACKET | sym::HASH | sym::EQUALS => return None,
            sym::QUESTION | sym::SIZEOF => questions += 1,
            _ => {}
        }
        if nesting + questions > DEEP {
            return None;
        }
    }
    let piece = Piece::new(&output.body, None, interner);
    let mut pairs = Grammar::parse(Rule::macro_value, piece.text()).ok()?;
    let pair = pairs.next()?.into_inner().next()?;
    let mut builder = Builder::new(&piece, &[], limits);
    let value = builder.macro_expr(pair);
    // What is odd about a macro matters where it is used.
    builder.diagnostics.is_empty().then_some(value)
}
