//! Parameters become a request and a response: bounds are renumbered, and what the request dictates
//! about the response is kept apart.

use super::Resolver;
use crate::model::{Base, Bound, Element, Level, Method, ResultInfo};

/// Which way a parameter travels.
#[derive(Clone, Copy, Default)]
pub(super) struct Direction {
    pub(super) input: bool,
    pub(super) output: bool,
}

impl Resolver<'_> {
    /// Request and response of a method's parameters, bounds renumbered.
    pub(super) fn split_directions(&mut self, elements: &[Element], directions: &[Direction], method: &mut Method) {
        let index_in = |pick: fn(&Direction) -> bool| -> Vec<Option<usize>> {
            let mut next = 0;
            directions
                .iter()
                .map(|direction| {
                    pick(direction).then(|| {
                        next += 1;
                        next - 1
                    })
                })
                .collect()
        };
        let (in_request, in_response) = (index_in(|d| d.input), index_in(|d| d.output));
        for (index, element) in elements.iter().enumerate() {
            if in_request[index].is_some() {
                let mut element = element.clone();
                if !renumber(&mut element, &in_request) {
                    let why = format!("the bound of [in] parameter {} is an [out] parameter alone", element.idl_name);
                    method.unsupported.get_or_insert(why + ", which the client does not know");
                }
                method.request.push(element);
            }
            if in_response[index].is_some() {
                let mut element = element.clone();
                let mut info = ResultInfo { request: in_request[index], ..ResultInfo::default() };
                if let Err(why) = dictate(&mut element, &mut info, &in_request, &in_response) {
                    element.base = Base::Unsupported(why);
                    element.levels.clear();
                    info = ResultInfo { request: info.request, ..ResultInfo::default() };
                }
                method.response.push(element);
                method.results.push(info);
            }
        }
    }
}

/// Bounds get the indexes of one direction. Says whether every sibling travels in it.
fn renumber(element: &mut Element, indexes: &[Option<usize>]) -> bool {
    let mut complete = true;
    let mut fix = |bound: &mut Option<Bound>| {
        if let Some(old) = bound {
            *old = old.renumbered(indexes).unwrap_or_else(|| {
                complete = false;
                Bound::Elsewhere
            });
        }
    };
    for level in &mut element.levels {
        match level {
            Level::Array(array) => {
                fix(&mut array.size);
                fix(&mut array.length);
                fix(&mut array.first);
            }
            Level::Str { size, .. } => fix(size),
            Level::Pointer(_) => {}
        }
    }
    fix(&mut element.switch);
    element.iid = element.iid.take().and_then(|iid| iid.renumbered(indexes));
    complete
}

/// Bounds of a response element, of which the request may dictate some.
fn dictate(
    element: &mut Element,
    info: &mut ResultInfo,
    in_request: &[Option<usize>],
    in_response: &[Option<usize>],
) -> Result<(), String> {
    let mixed = || "its bound mixes what travels in with what travels out".to_owned();
    if let Some(switch) = element.switch.take() {
        match switch.renumbered(in_response) {
            Some(switch) => element.switch = Some(switch),
            None => info.tag_in_request = Some(switch.renumbered(in_request).ok_or_else(mixed)?),
        }
    }
    if let Some(iid) = element.iid.take() {
        match iid.renumbered(in_response) {
            Some(iid) => element.iid = Some(iid),
            None => info.iid_in_request = iid.renumbered(in_request),
        }
    }
    let mut outermost = true;
    for level in &mut element.levels {
        if let Level::Array(array) = level
            && let Some(first) = &mut array.first
        {
            *first = first.renumbered(in_response).ok_or_else(mixed)?;
        }
        let mut none = None;
        let (size, length, string) = match level {
            Level::Pointer(_) => continue,
            Level::Array(array) => (&mut array.size, &mut array.length, false),
            Level::Str { size, .. } => (size, &mut none, true),
        };
        if let Some(length) = length {
            *length = length.renumbered(in_response).unwrap_or(Bound::Elsewhere);
        }
        if let Some(old) = size {
            let fixed = outermost && matches!(old, Bound::Const(_)) && length.is_none() && !string;
            match old.renumbered(in_response).filter(|_| !fixed) {
                Some(new) => *old = new,
                None => {
                    let dictated = old.renumbered(in_request).ok_or_else(mixed)?;
                    if outermost {
                        info.capacity = Some(dictated);
                    }
                    *old = Bound::Elsewhere;
                }
            }
        }
        outermost = false;
    }
    Ok(())
}
