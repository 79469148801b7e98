//! The last of something for each instance, in the order of time.

use std::collections::{BTreeMap, HashMap};

/// Application and id.
pub(super) type Key = (String, String);

/// At most so many; the oldest give way.
#[derive(Debug)]
pub(super) struct Recent<V> {
    max: usize,
    by_number: BTreeMap<u64, (Key, V)>,
    number_of: HashMap<Key, u64>,
    next: u64,
}

impl<V> Recent<V> {
    pub fn new(max: usize) -> Self {
        Self {
            max,
            by_number: BTreeMap::new(),
            number_of: HashMap::new(),
            next: 0,
        }
    }

    /// In place of what was known of the instance, as the newest.
    pub fn put(&mut self, key: Key, value: V) {
        self.remove(&key);
        while self.by_number.len() >= self.max.max(1) {
            self.pop_oldest();
        }
        self.number_of.insert(key.clone(), self.next);
        self.by_number.insert(self.next, (key, value));
        self.next += 1;
    }

    pub fn get(&self, key: &Key) -> Option<&V> {
        let number = self.number_of.get(key)?;
        self.by_number.get(number).map(|(_, value)| value)
    }

    pub fn remove(&mut self, key: &Key) {
        if let Some(number) = self.number_of.remove(key) {
            self.by_number.remove(&number);
        }
    }

    /// Forgets from the oldest on for as long as they are `past`.
    pub fn forget_while(&mut self, past: impl Fn(&V) -> bool) {
        while self
            .by_number
            .first_key_value()
            .is_some_and(|(_, (_, value))| past(value))
        {
            self.pop_oldest();
        }
    }

    /// From the oldest on.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.by_number.values().map(|(_, value)| value)
    }

    fn pop_oldest(&mut self) {
        if let Some((_, (key, _))) = self.by_number.pop_first() {
            self.number_of.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_is_kept_and_the_oldest_give_way() {
        let key = |id: &str| ("SHOP".to_owned(), id.to_owned());
        let mut recent = Recent::new(2);
        recent.put(key("a"), 1);
        recent.put(key("b"), 2);
        recent.put(key("a"), 3);
        assert_eq!(recent.values().copied().collect::<Vec<_>>(), [2, 3]);
        recent.put(key("c"), 4);
        assert_eq!(recent.get(&key("b")), None);
        recent.forget_while(|value| *value < 4);
        assert_eq!(recent.values().copied().collect::<Vec<_>>(), [4]);
        assert_eq!(recent.get(&key("a")), None);
    }
}
