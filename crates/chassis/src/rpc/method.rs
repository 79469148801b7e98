//! What the name of a method says about it.

/// Methods whose names begin so change nothing and may be called again.
const IDEMPOTENT: [&str; 4] = ["Get", "List", "Batch", "Find"];
/// Methods whose names begin so answer with a stream that lasts.
const STREAMING: [&str; 1] = ["Watch"];
/// Methods whose names begin so answer when something has happened.
const WAITING: [&str; 2] = ["Lease", "Watch"];

/// A gRPC method, from the path of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method<'a> {
    /// `package.Service/Method`.
    pub full: &'a str,
    pub service: &'a str,
    pub name: &'a str,
}

impl<'a> Method<'a> {
    pub fn of_path(path: &'a str) -> Self {
        let full = path.strip_prefix('/').unwrap_or(path);
        let (service, name) = full.split_once('/').unwrap_or((full, ""));
        Self {
            full,
            service,
            name,
        }
    }

    pub fn is_idempotent(self) -> bool {
        begins_with_word(self.name, &IDEMPOTENT)
    }

    /// Whether the time until its answer depends on something else than the work it is.
    pub fn waits(self) -> bool {
        begins_with_word(self.name, &WAITING)
    }

    pub fn is_streaming(self) -> bool {
        begins_with_word(self.name, &STREAMING)
    }
}

fn begins_with_word(name: &str, words: &[&str]) -> bool {
    words
        .iter()
        .filter_map(|word| name.strip_prefix(word))
        .any(|rest| rest.is_empty() || rest.starts_with(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart() {
        let method = Method::of_path("/amphi.media.v1.MediaService/WatchAsset");
        assert_eq!(method.full, "amphi.media.v1.MediaService/WatchAsset");
        assert_eq!(method.service, "amphi.media.v1.MediaService");
        assert_eq!(method.name, "WatchAsset");
        assert!(method.is_streaming());
        assert_eq!(Method::of_path("nonsense").name, "");
    }

    #[test]
    fn only_reading_methods_may_be_repeated() {
        for (name, idempotent) in [
            ("GetAsset", true),
            ("ListVideos", true),
            ("BatchGetAccounts", true),
            ("FindTraces", true),
            ("Getaway", false),
            ("CreateVideo", false),
            ("LeaseTask", false),
            ("WatchAsset", false),
            ("", false),
        ] {
            let path = format!("/s/{name}");
            assert_eq!(Method::of_path(&path).is_idempotent(), idempotent, "{name}");
        }
    }
}
