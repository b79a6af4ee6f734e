//! Suggestions for misspelt names.

/// The candidate closest to `name`, if one is close enough to be meant.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.len() / 3).min(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= limit)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The number of slips between two names: letters left out, added, replaced, or swapped with their
/// neighbour. Case does not matter.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let same = a.eq_ignore_ascii_case(b);
            let mut best = (row[j] + usize::from(!same)).min(row[j + 1] + 1).min(next[j] + 1);
            let swapped =
                i > 0 && j > 0 && a.eq_ignore_ascii_case(&right[j - 1]) && left[i - 1].eq_ignore_ascii_case(b);
            if swapped && !same {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_of_the_key_is_found_a_stranger_is_not() {
        assert_eq!(closest("DWROD", ["DWORD", "WORD", "QWORD"]), Some("DWORD"));
        assert_eq!(closest("HGROU_RPC", ["HGROUP_RPC", "HRES_RPC"]), Some("HGROUP_RPC"));
        assert_eq!(closest("banana", ["DWORD", "WORD"]), None);
    }
}
