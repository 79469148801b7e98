//! Order: what concerns one subject is done one after the other, the rest side by side.

use std::collections::{HashMap, VecDeque};

/// A lane for each subject that has something in it. Bounded by whoever lets things in.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    waiting: HashMap<String, VecDeque<T>>,
}

impl<T> Lanes<T> {
    pub fn new() -> Self {
        Self {
            waiting: HashMap::new(),
        }
    }

    /// Gives the item back when it may be done at once; else it waits for those before it.
    pub fn enter(&mut self, subject: &str, item: T) -> Option<T> {
        if let Some(waiting) = self.waiting.get_mut(subject) {
            waiting.push_back(item);
            return None;
        }
        self.waiting.insert(subject.to_owned(), VecDeque::new());
        Some(item)
    }

    /// The item of the subject is done: gives the next one.
    pub fn leave(&mut self, subject: &str) -> Option<T> {
        let next = self.waiting.get_mut(subject)?.pop_front();
        if next.is_none() {
            self.waiting.remove(subject);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_one_item_out_at_a_time_and_in_order() {
        let mut lanes = Lanes::new();
        assert_eq!(lanes.enter("a", 1), Some(1));
        assert_eq!(lanes.enter("a", 2), None);
        assert_eq!(lanes.enter("b", 3), Some(3));
        assert_eq!(lanes.enter("a", 4), None);
        assert_eq!(lanes.leave("a"), Some(2));
        assert_eq!(lanes.leave("b"), None);
        assert_eq!(lanes.leave("a"), Some(4));
        assert_eq!(lanes.leave("a"), None);
        assert_eq!(lanes.enter("a", 5), Some(5));
        assert_eq!(lanes.leave("b"), None);
    }
}
