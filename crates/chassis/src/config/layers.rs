//! Layers of settings, flattened to dotted keys, each value with the place where it was said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};

/// A secret or a certificate fits in many times over; a disk image named by mistake does not.
const VALUE_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Names less alike than this are no suggestion.
const LIKENESS_MIN: f64 = 0.6;

/// The value of one key, and the place where it was said.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub value: Value,
    pub origin: Origin,
    pub default: Value,
    /// Place in the defaults, for listing in their order.
    pub position: usize,
}

/// All settings by dotted key. The defaults decide which keys there are and of which type.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    pub settings: BTreeMap<String, Setting>,
    /// Sections and tables below them, also the empty ones.
    tables: Vec<String>,
}

impl Layers {
    pub fn from_defaults(text: &str) -> Result<Self, ConfigError> {
        let syntax = |error: toml::de::Error| ConfigError::Syntax {
            origin: Origin::Default,
            message: error.message().to_owned(),
        };
        let table = DeTable::parse(text).map_err(syntax)?;
        let mut layers = Self {
            settings: BTreeMap::new(),
            tables: Vec::new(),
        };
        layers.define("", table.get_ref());
        Ok(layers)
    }

    fn define(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = join(prefix, name.get_ref());
            if let DeValue::Table(inner) = value.get_ref() {
                self.define(&key, inner);
                self.tables.push(key);
                continue;
            }
            let default = to_value(value.get_ref());
            let setting = Setting {
                value: default.clone(),
                origin: Origin::Default,
                default,
                position: name.span().start,
            };
            self.settings.insert(key, setting);
        }
    }

    pub fn has_table(&self, key: &str) -> bool {
        self.tables.iter().any(|table| table == key)
    }

    pub fn apply_file(&mut self, path: &Path, errors: &mut Vec<ConfigError>) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(source) => {
                errors.push(ConfigError::Unreadable {
                    path: path.to_owned(),
                    origin: "the command line".to_owned(),
                    source,
                });
                return;
            }
        };
        let (table, syntax_errors) = DeTable::parse_recoverable(&text);
        if syntax_errors.is_empty() {
            let file = SourceFile { path, text: &text };
            self.apply_table("", table.get_ref(), &file, errors);
            return;
        }
        // The lines themselves are not shown: they may hold a secret.
        errors.extend(syntax_errors.iter().map(|error| ConfigError::Syntax {
            origin: SourceFile { path, text: &text }.origin(error.span().map_or(0, |s| s.start)),
            message: error.message().to_owned(),
        }));
    }

    fn apply_table(
        &mut self,
        prefix: &str,
        table: &DeTable<'_>,
        file: &SourceFile<'_>,
        errors: &mut Vec<ConfigError>,
    ) {
        for (name, value) in table {
            let key = join(prefix, name.get_ref());
            let origin = file.origin(name.span().start);
            let expects_table = self.has_table(&key);
            match value.get_ref() {
                DeValue::Table(inner) if expects_table || self.is_strange(&key, inner) => {
                    self.apply_table(&key, inner, file, errors);
                }
                other if expects_table => errors.push(ConfigError::WrongType {
                    key,
                    origin,
                    expected: "a table",
                    found: shown_type(&to_value(other)).to_owned(),
                }),
                other => self.set(&key, to_value(other), origin, errors),
            }
        }
    }

    /// A table that nobody knows is searched for keys, each of which is then refused with the one that may be meant.
    fn is_strange(&self, key: &str, table: &DeTable<'_>) -> bool {
        !self.settings.contains_key(key) && !table.is_empty()
    }

    pub fn apply_flags(&mut self, flags: Vec<(String, Value)>, errors: &mut Vec<ConfigError>) {
        for (key, value) in flags {
            match value {
                Value::String(text) => self.set_text(&key, &key, &text, Origin::Flag, errors),
                value => self.set(&key, value, Origin::Flag, errors),
            }
        }
    }

    /// Takes one `AMPHI_SECTION__KEY` variable.
    pub fn apply_variable(&mut self, variable: &str, text: &str, errors: &mut Vec<ConfigError>) {
        let key = key_of_variable(variable);
        let origin = Origin::Env {
            variable: variable.to_owned(),
        };
        if self.settings.contains_key(&key) {
            return self.set_text(&key, variable, text, origin, errors);
        }
        let of_file = key
            .strip_suffix("_file")
            .filter(|key| self.settings.get(*key).is_some_and(|s| s.default.is_str()));
        let Some(key) = of_file else {
            let nearest = self.nearest(&key).map(variable_of_key);
            return errors.push(ConfigError::Unknown {
                name: variable.to_owned(),
                origin,
                nearest,
            });
        };
        let path = PathBuf::from(text);
        match read_value_file(&path) {
            Ok(value) => {
                let origin = Origin::EnvFile {
                    variable: variable.to_owned(),
                    path,
                };
                self.set_text(key, variable, &value, origin, errors);
            }
            Err(source) => errors.push(ConfigError::Unreadable {
                path,
                origin: variable.to_owned(),
                source,
            }),
        }
    }

    fn set_text(
        &mut self,
        key: &str,
        name: &str,
        text: &str,
        origin: Origin,
        errors: &mut Vec<ConfigError>,
    ) {
        let Some(setting) = self.settings.get(key) else {
            return errors.push(ConfigError::Unknown {
                name: name.to_owned(),
                origin,
                nearest: self.nearest(key),
            });
        };
        match parse_as(&setting.default, text) {
            Some(value) => self.set(key, value, origin, errors),
            None => errors.push(ConfigError::WrongType {
                key: key.to_owned(),
                origin,
                expected: expected_type(&setting.default),
                found: "other text".to_owned(),
            }),
        }
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin, errors: &mut Vec<ConfigError>) {
        let nearest = self.nearest(key);
        let Some(setting) = self.settings.get_mut(key) else {
            return errors.push(ConfigError::Unknown {
                name: key.to_owned(),
                origin,
                nearest,
            });
        };
        match fit(&setting.default, value) {
            Ok(value) => {
                setting.value = value;
                setting.origin = origin;
            }
            Err(found) => errors.push(ConfigError::WrongType {
                key: key.to_owned(),
                origin,
                expected: expected_type(&setting.default),
                found: found.to_owned(),
            }),
        }
    }

    /// The known key most like a wrong one. A right name in the wrong section counts as very alike.
    pub fn nearest(&self, wrong: &str) -> Option<String> {
        let leaf = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let wrong_leaf = leaf(wrong);
        self.settings
            .keys()
            .map(|key| {
                let whole = strsim::normalized_damerau_levenshtein(key, wrong);
                let last = strsim::normalized_damerau_levenshtein(&leaf(key), &wrong_leaf);
                (key, whole.max(last * 0.9))
            })
            .filter(|(_, likeness)| *likeness >= LIKENESS_MIN)
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(key, _)| key.clone())
    }

    /// The values below a table, as a table again.
    pub fn table(&self, prefix: &str) -> toml::Table {
        let mut root = toml::Table::new();
        let start = format!("{prefix}.");
        for table in &self.tables {
            if let Some(path) = table.strip_prefix(&start) {
                descend(&mut root, path);
            }
        }
        for (key, setting) in &self.settings {
            let Some(path) = key.strip_prefix(&start) else {
                continue;
            };
            let (tables, leaf) = path.rsplit_once('.').unwrap_or(("", path));
            if let Some(table) = descend(&mut root, tables) {
                table.insert(leaf.to_owned(), setting.value.clone());
            }
        }
        root
    }
}

struct SourceFile<'a> {
    path: &'a Path,
    text: &'a str,
}

impl SourceFile<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        Origin::File {
            path: self.path.to_owned(),
            line: 1 + before.filter(|byte| **byte == b'\n').count(),
        }
    }
}

/// `AMPHI_SERVER__LISTEN` → `server.listen`.
pub(super) fn key_of_variable(variable: &str) -> String {
    let name = variable.strip_prefix("AMPHI_").unwrap_or(variable);
    name.to_ascii_lowercase().replace("__", ".")
}

/// `server.listen` → `AMPHI_SERVER__LISTEN`.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn variable_of_key(key: String) -> String {
    format!("AMPHI_{}", key.to_ascii_uppercase().replace('.', "__"))
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        return name.to_owned();
    }
    format!("{prefix}.{name}")
}

fn descend<'a>(table: &'a mut toml::Table, path: &str) -> Option<&'a mut toml::Table> {
    path.split('.')
        .filter(|name| !name.is_empty())
        .try_fold(table, |table, name| {
            table
                .entry(name)
                .or_insert_with(|| Value::Table(toml::Table::new()))
                .as_table_mut()
        })
}

fn read_value_file(path: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > VALUE_FILE_BYTES_MAX {
        let message = format!("{size} bytes are too many for one setting");
        return Err(std::io::Error::other(message));
    }
    let text = std::fs::read_to_string(path)?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// A text from the environment or a flag as the type that the default has.
fn parse_as(default: &Value, text: &str) -> Option<Value> {
    match default {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        Value::Float(_) => text.trim().parse().ok().map(Value::Float),
        Value::Boolean(_) => text.trim().parse().ok().map(Value::Boolean),
        Value::Array(_) if text.trim_start().starts_with('[') => parse_toml(text),
        Value::Array(_) => Some(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        )),
        Value::Datetime(_) | Value::Table(_) => parse_toml(text),
    }
}

fn parse_toml(text: &str) -> Option<Value> {
    let mut table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    table.remove("value")
}

/// The value as the type that the default has, or what it is instead.
fn fit(default: &Value, value: Value) -> Result<Value, &'static str> {
    match (default, value) {
        // A whole number where a fraction may stand is the same number.
        #[allow(clippy::cast_precision_loss)]
        (Value::Float(_), Value::Integer(whole)) => Ok(Value::Float(whole as f64)),
        (default, value) if default.same_type(&value) => Ok(value),
        (_, value) => Err(shown_type(&value)),
    }
}

fn expected_type(default: &Value) -> &'static str {
    match default {
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        _ => shown_type(default),
    }
}

fn shown_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a fraction",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn to_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(digits) => {
            let radix = digits.radix();
            i64::from_str_radix(digits.as_str(), radix).map_or_else(
                |_| Value::String(digits.as_str().to_owned()),
                Value::Integer,
            )
        }
        DeValue::Float(digits) => digits
            .as_str()
            .parse()
            .map_or_else(|_| Value::String(digits.as_str().to_owned()), Value::Float),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(value) => Value::Datetime(*value),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| to_value(item.get_ref())).collect())
        }
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(name, value)| (name.get_ref().to_string(), to_value(value.get_ref())))
                .collect(),
        ),
    }
}
