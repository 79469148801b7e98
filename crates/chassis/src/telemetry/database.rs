//! Turns the spans that the database library emits into OpenTelemetry's database spans, without any value of a statement.
//!
//! Names and attributes: <https://opentelemetry.io/docs/specs/semconv/database/database-spans/>.

use std::borrow::Cow;

use super::span::{ATTRIBUTE_BYTES_MAX, Attributes, DB_SYSTEM, cut};

/// A call to a database while it runs.
#[derive(Debug, Default)]
pub(super) struct DatabaseCall {
    system: String,
    operation: String,
    collection: Option<String>,
    error_type: Option<String>,
}

impl DatabaseCall {
    /// From the library's span name: `sea_orm.begin`, `sea_orm.query_one`, …
    pub fn from_span_name(name: &str) -> Option<Self> {
        let call = name.strip_prefix("sea_orm.")?;
        let operation = match call {
            "begin" => "BEGIN",
            "commit" => "COMMIT",
            "rollback" => "ROLLBACK",
            _ => "EXECUTE",
        };
        Some(Self {
            operation: operation.to_owned(),
            ..Self::default()
        })
    }

    pub fn record(&mut self, field: &str, value: &str) {
        match field {
            "db.system" => cut(value, ATTRIBUTE_BYTES_MAX).clone_into(&mut self.system),
            "db.statement" => {
                let summary = summarize(value);
                self.operation = summary.operation;
                self.collection = summary.collection;
            }
            // The message itself may hold values, such as the key that is taken; what stands before the colon is its kind.
            "exception.message" => {
                let kind = value.split(':').next().unwrap_or_default();
                self.error_type = Some(cut(kind, 64).to_owned());
            }
            "db.operation" if self.operation == "EXECUTE" => {
                cut(value, 32).clone_into(&mut self.operation);
            }
            _ => {}
        }
    }

    /// `SELECT videos`, or the operation alone when no table is known.
    pub fn summary(&self) -> String {
        match &self.collection {
            Some(collection) => format!("{} {collection}", self.operation),
            None => self.operation.clone(),
        }
    }

    pub fn attributes(self) -> Attributes {
        let summary = self.summary();
        let mut attributes = vec![
            (Cow::Borrowed(DB_SYSTEM), self.system),
            (Cow::Borrowed("db.operation.name"), self.operation),
            (Cow::Borrowed("db.query.summary"), summary),
        ];
        let more = [
            ("db.collection.name", self.collection),
            ("error.type", self.error_type),
        ];
        attributes.extend(
            more.into_iter()
                .filter_map(|(name, value)| Some((Cow::Borrowed(name), value?))),
        );
        attributes
    }
}

/// The service that stands for a service's database in traces and on the service map.
pub(super) fn service_name(service: &str) -> String {
    if service.is_empty() {
        return "db".to_owned();
    }
    format!("{service}-db")
}

#[derive(Debug, PartialEq, Eq)]
struct Summary {
    operation: String,
    collection: Option<String>,
}

/// The verb and the first table of a statement. Reads no further than it must and keeps nothing else of the text.
fn summarize(sql: &str) -> Summary {
    let mut words = Words(sql);
    let verb = words.next().unwrap_or_default().to_ascii_uppercase();
    let is_verb = (1..=16).contains(&verb.len()) && verb.bytes().all(|b| b.is_ascii_alphabetic());
    if !is_verb {
        return Summary {
            operation: "EXECUTE".to_owned(),
            collection: None,
        };
    }
    Summary {
        collection: table_after(&verb, &mut words),
        operation: verb,
    }
}

fn table_after(verb: &str, words: &mut Words<'_>) -> Option<String> {
    let (table_follows, may_stand_between): (&str, &[&str]) = match verb {
        "SELECT" | "DELETE" | "WITH" => ("FROM", &["ONLY", "LATERAL"]),
        "INSERT" | "REPLACE" => ("INTO", &[]),
        "CREATE" | "DROP" | "ALTER" => ("TABLE", &["IF", "NOT", "EXISTS", "ONLY"]),
        "UPDATE" => (
            "",
            &[
                "OR", "IGNORE", "ABORT", "FAIL", "REPLACE", "ROLLBACK", "ONLY",
            ],
        ),
        _ => return None,
    };
    loop {
        if !table_follows.is_empty() {
            words.find(|word| word.eq_ignore_ascii_case(table_follows))?;
        }
        let table = words.find(|word| !is_one_of(word, may_stand_between))?;
        let is_subquery = table.eq_ignore_ascii_case("SELECT");
        if !is_subquery {
            return table_name(table);
        }
    }
}

fn is_one_of(word: &str, others: &[&str]) -> bool {
    others.iter().any(|other| word.eq_ignore_ascii_case(other))
}

/// `"main"."videos"` → `videos`. What is no plain identifier is no name of ours and is left out.
fn table_name(word: &str) -> Option<String> {
    let last = word.rsplit('.').next()?;
    let bare = last.trim_matches(['"', '`', '[', ']']);
    let is_identifier =
        !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_identifier.then(|| cut(bare, 64).to_owned())
}

/// The words of a statement outside of string literals and comments; punctuation parts them.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        const SKIPPED: [(&str, &str); 3] = [("'", "'"), ("/*", "*/"), ("--", "\n")];
        loop {
            let rest = self.0;
            if let Some((start, end)) = SKIPPED.iter().find(|(start, _)| rest.starts_with(start)) {
                let inner = rest.get(start.len()..)?;
                self.0 = inner.get(inner.find(end)? + end.len()..)?;
                continue;
            }
            let first = rest.chars().next()?;
            if !is_word(first) {
                self.0 = rest.get(first.len_utf8()..)?;
                continue;
            }
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            self.0 = after;
            return Some(word);
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '`' | '[' | ']' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_summarized_by_verb_and_table() {
        let cases = [
            (
                r#"SELECT "videos"."id" FROM "videos" WHERE "id" = ?"#,
                "SELECT videos",
            ),
            (
                "select `a`.`b`, (1) from `catalog`.`series` limit 3",
                "SELECT series",
            ),
            ("INSERT INTO outbox (id) VALUES ($1)", "INSERT outbox"),
            ("INSERT OR IGNORE INTO \"inbox\" VALUES (?)", "INSERT inbox"),
            (
                "  UPDATE \"jobs\" SET \"state\" = 'FROM secrets'",
                "UPDATE jobs",
            ),
            ("DELETE FROM sessions WHERE token = 'x'", "DELETE sessions"),
            (
                "SELECT 'it is FROM hell' FROM real_table",
                "SELECT real_table",
            ),
            ("SELECT 'unterminated FROM x", "SELECT"),
            (
                "SELECT * FROM (SELECT 1 FROM inner_table)",
                "SELECT inner_table",
            ),
            (
                "CREATE TABLE IF NOT EXISTS accounts (id INT)",
                "CREATE accounts",
            ),
            (
                "WITH recent AS (SELECT id FROM plays) SELECT * FROM recent",
                "WITH plays",
            ),
            ("PRAGMA journal_mode=WAL", "PRAGMA"),
            ("SELECT 1", "SELECT"),
            ("", "EXECUTE"),
            ("/* FROM x */ -- FROM y\nSELECT 1 FROM z", "SELECT z"),
            ("42 is no verb", "EXECUTE"),
        ];
        for (sql, expected) in cases {
            let Summary {
                operation,
                collection,
            } = summarize(sql);
            let call = DatabaseCall {
                operation,
                collection,
                ..DatabaseCall::default()
            };
            assert_eq!(call.summary(), expected, "{sql}");
        }
    }

    #[test]
    fn no_value_of_a_statement_or_an_error_is_kept() {
        let mut call = DatabaseCall::from_span_name("sea_orm.execute").unwrap_or_default();
        call.record("db.system", "mysql");
        call.record(
            "db.statement",
            "INSERT INTO accounts VALUES ('ann@example.org')",
        );
        call.record(
            "exception.message",
            "Execution Error: Duplicate entry 'ann@example.org'",
        );
        let shown = format!("{:?}", call.attributes());
        assert!(shown.contains("Execution Error") && shown.contains("INSERT accounts"));
        assert!(!shown.contains("ann@"));
    }

    #[test]
    fn transactions_are_named_for_what_they_do() {
        let names = [
            "sea_orm.begin",
            "sea_orm.commit",
            "sea_orm.rollback",
            "amphi.other",
        ];
        let summaries =
            names.map(|name| DatabaseCall::from_span_name(name).map(|call| call.summary()));
        let expected = [Some("BEGIN"), Some("COMMIT"), Some("ROLLBACK"), None];
        assert_eq!(summaries, expected.map(|name| name.map(str::to_owned)));
    }
}
