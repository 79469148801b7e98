//! Every problem code that clients can meet, with its cure; the page `/docs/problems` is made of this table.

mod table;

pub use table::PROBLEMS;

/// A problem code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemEntry {
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub cure: &'static str,
}

/// The table as a page that needs no script.
#[must_use]
pub fn page() -> String {
    let mut rows = String::new();
    for entry in PROBLEMS {
        rows.push_str(&format!(
            "<dt id=\"{code}\"><a href=\"#{code}\"><code>{code}</code></a></dt>\n<dd><p>{meaning}</p><p>{cure}</p></dd>\n",
            code = escape(entry.code),
            meaning = marked_up(entry.meaning),
            cure = marked_up(entry.cure),
        ));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Problem codes · Amphi</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Problem codes</h1>\n\
         <p>A refused request is answered with <code>application/problem+json</code> (RFC 9457). Its <code>code</code> \
         is one of these; its <code>detail</code> says what was wrong this time, and <code>errors</code> names the \
         fields.</p>\n<dl>\n{rows}</dl>\n</main>\n</body>\n</html>\n"
    )
}

const STYLE: &str = ":root{color-scheme:light dark;font:16px/1.55 system-ui,sans-serif}\
main{max-width:72ch;margin:3rem auto;padding:0 1.5rem}dt{margin-top:1.5rem;font-weight:600}dt a{color:inherit}\
dd{margin:0}dd p{margin:.25rem 0}:target{outline:2px solid;outline-offset:4px}";

/// HTML of a text in which code stands in backquotes.
fn marked_up(text: &str) -> String {
    let mut html = String::new();
    for (place, part) in escape(text).split('`').enumerate() {
        match place % 2 {
            0 => html.push_str(part),
            _ => html.extend(["<code>", part, "</code>"]),
        }
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::{fs, io};

    use super::*;

    /// Codes that pass between services and never reach a client of the public address.
    const INTERNAL: &[&str] = &[
        "app_mismatch",
        "app_not_found",
        "app_reserved",
        "bad_segment",
        "broker_refused",
        "broker_unavailable",
        "client_certificate_required",
        "database_knows_no_video",
        "delivery_timeout",
        "fence_required",
        "instance_not_found",
        "invalid_encoder_id",
        "invalid_event_id",
        "invalid_instance",
        "invalid_metadata",
        "invalid_status",
        "job_lease_lost",
        "lease_lost",
        "malformed_event",
        "malformed_registration",
        "not_of_this_task",
        "output_interrupted",
        "output_too_large",
        "registration_interrupted",
        "registration_too_large",
        "registry_full",
        "registry_password_wrong",
        "registry_starting",
        "segments_missing",
        "status_missing",
        "task_not_found",
        "too_many_events",
        "too_many_outputs",
        "too_many_refused_events",
        "too_much_metadata",
        "unknown_consumer",
        "unknown_event",
        "unreadable_job",
        "unsupported_registration",
        "unusable_event",
        "vip_not_found",
        "wrong_consumer",
    ];

    #[test]
    fn the_table_is_sorted_and_says_each_code_once() {
        assert!(PROBLEMS.is_sorted_by(|a, b| a.code < b.code));
    }

    #[test]
    fn every_entry_is_on_the_page_under_its_code() {
        let page = page();
        for entry in PROBLEMS {
            assert!(page.contains(&format!("id=\"{}\"", entry.code)));
        }
        assert_eq!(
            marked_up("say `a<b` & go"),
            "say <code>a&lt;b</code> &amp; go"
        );
    }

    #[test]
    fn every_code_in_the_sources_is_explained() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut codes = BTreeSet::new();
        for folder in ["crates", "services"] {
            collect_codes(&root.join(folder), &mut codes).unwrap();
        }
        assert!(codes.contains("playback_token_expired"), "{codes:?}");
        let known: BTreeSet<&str> = PROBLEMS
            .iter()
            .map(|entry| entry.code)
            .chain(INTERNAL.iter().copied())
            .collect();
        let missing: Vec<_> = codes
            .iter()
            .filter(|code| !known.contains(code.as_str()))
            .collect();
        assert!(missing.is_empty(), "codes without an entry: {missing:?}");
    }

    fn collect_codes(folder: &Path, codes: &mut BTreeSet<String>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                // The encoder answers nobody.
                if !path.ends_with("tests") && !path.ends_with("services/encoder") {
                    collect_codes(&path, codes)?;
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                codes.extend(codes_in(&fs::read_to_string(path)?));
            }
        }
        Ok(())
    }

    /// The first text given to a constructor of `Problem`, as in `Problem::not_found("video_not_found", …)`.
    fn codes_in(source: &str) -> impl Iterator<Item = String> {
        const CONSTRUCTORS: [&str; 15] = [
            "invalid",
            "unprocessable",
            "unauthenticated",
            "forbidden",
            "not_found",
            "method_not_allowed",
            "conflict",
            "gone",
            "precondition_failed",
            "too_large",
            "unsupported",
            "range_not_satisfiable",
            "rate_limited",
            "unavailable",
            "deadline_exceeded",
        ];
        CONSTRUCTORS.iter().flat_map(|constructor| {
            let call = format!("::{constructor}(");
            source
                .split(&call)
                .skip(1)
                .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
                .filter(|code| {
                    code.bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                })
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
    }
}
