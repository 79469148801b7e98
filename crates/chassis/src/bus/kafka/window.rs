//! Which of a partition's records are done: an offset may be committed only when all before it are.

use std::collections::BTreeMap;

/// The records of one partition that were taken and not yet left behind. Bounded by whoever takes them.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Whether it is settled, by offset.
    taken: BTreeMap<i64, bool>,
    /// How many are not.
    open: usize,
}

impl Window {
    pub fn take(&mut self, offset: i64) {
        if self.taken.insert(offset, false) != Some(false) {
            self.open += 1;
        }
    }

    /// How many are taken and not settled.
    pub const fn open(&self) -> usize {
        self.open
    }

    /// How many are kept in mind: those that are open, and those settled behind an open one.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Returns whether it was open until now.
    pub fn settle(&mut self, offset: i64) -> bool {
        let was_open = self
            .taken
            .get_mut(&offset)
            .is_some_and(|is_settled| !std::mem::replace(is_settled, true));
        self.open -= usize::from(was_open);
        was_open
    }

    /// Leaves behind what is settled from the front on. Returns the offset to go on from, if it has moved.
    pub fn advance(&mut self) -> Option<i64> {
        let mut next = None;
        while let Some(first) = self.taken.first_entry() {
            if !*first.get() {
                break;
            }
            next = Some(first.remove_entry().0 + 1);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_left_behind_when_all_before_it_are_settled() {
        let mut window = Window::default();
        // A compacted or aborted record leaves a gap.
        for offset in [7, 8, 10, 11] {
            window.take(offset);
        }
        assert!(window.settle(8));
        assert_eq!(window.advance(), None);
        assert!(window.settle(7));
        assert_eq!(window.advance(), Some(9));
        assert_eq!((window.open(), window.len()), (2, 2));
        assert!(window.settle(11));
        assert!(!window.settle(11), "settled before");
        assert_eq!(window.advance(), None);
        assert!(window.settle(10));
        assert_eq!(window.advance(), Some(12));
        assert!(!window.settle(10), "left behind");
        assert_eq!(window.open(), 0);
    }
}
