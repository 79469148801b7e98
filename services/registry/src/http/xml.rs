//! Eureka's XML and the same in JSON: what is an attribute in one is a member `@name` in the other, the text beside attributes is
//! the member `$`, elements of one name are a list.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value};

use super::names;

/// Of the elements of a registration; Eureka's own are four deep.
const DEPTH_MAX: usize = 16;

/// The text is no document of one element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadXml(String);

/// The one attribute of an element, for those that have any. Whatever else begins with `@` is a key of metadata.
fn attribute_of(element: &str) -> Option<&'static str> {
    match element {
        "port" | "securePort" => Some("@enabled"),
        "dataCenterInfo" => Some("@class"),
        _ => None,
    }
}

/// A document whose root element is named `root`.
pub(super) fn write(root: &str, value: &Value) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write_element(&mut text, root, value);
    text
}

fn write_element(text: &mut String, name: &str, value: &Value) {
    if let Value::Array(values) = value {
        for value in values {
            write_element(text, name, value);
        }
        return;
    }
    let attribute = attribute_of(name);
    let name = &names::encode(name);
    text.push('<');
    text.push_str(name);
    let mut content = String::new();
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                if Some(member.as_str()) == attribute {
                    let attribute = member.trim_start_matches('@');
                    text.push_str(&format!(" {attribute}=\"{}\"", escaped(&plain(value))));
                } else if attribute.is_some() && member == "$" {
                    content.push_str(&escaped(&plain(value)));
                } else {
                    write_element(&mut content, member, value);
                }
            }
        }
        value => content.push_str(&escaped(&plain(value))),
    }
    if content.is_empty() {
        text.push_str("/>");
    } else {
        text.push_str(&format!(">{content}</{name}>"));
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // They would be read as spaces.
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(character))),
            // XML 1.0 has no way at all to write these.
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

/// The root element's name and content.
pub(super) fn read(text: &str) -> Result<(String, Value), BadXml> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| BadXml(error.to_string()))?;
        match event {
            Event::Start(start) => {
                if open.len() >= DEPTH_MAX {
                    return Err(BadXml(format!("more than {DEPTH_MAX} elements deep")));
                }
                open.push(Element::open(&start)?);
            }
            Event::Empty(start) => {
                let element = Element::open(&start)?;
                if let Some(document) = close(element, &mut open) {
                    return Ok(document);
                }
            }
            Event::End(_) => {
                // The reader has seen to it that it ends what is open.
                let element = open
                    .pop()
                    .ok_or_else(|| BadXml("an element ends that has not begun".to_owned()))?;
                if let Some(document) = close(element, &mut open) {
                    return Ok(document);
                }
            }
            Event::Text(text) => add_text(&mut open, &text.xml10_content()),
            Event::CData(text) => add_text(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference
                    .resolve_char_ref()
                    .map_err(|error| BadXml(error.to_string()))?;
                let meant = match character {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&reference)
                        .ok_or_else(|| BadXml(format!("unknown entity {:.40}", &*reference)))?
                        .to_owned(),
                };
                add_text(&mut open, &meant);
            }
            Event::Eof => return Err(BadXml("the document ends too early".to_owned())),
            // What entities and the like they declare is nobody's business.
            Event::DocType(_) => return Err(BadXml("it declares a document type".to_owned())),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Element {
    fn open(start: &BytesStart<'_>) -> Result<Self, BadXml> {
        let name = names::decode(start.name().0);
        let mut members = Map::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| BadXml(error.to_string()))?;
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|error| BadXml(error.to_string()))?;
            let key = format!("@{}", attribute.key.0);
            if attribute_of(&name) == Some(key.as_str()) {
                members.insert(key, Value::String(value.into_owned()));
            }
        }
        Ok(Self {
            name,
            members,
            text: String::new(),
        })
    }

    fn into_value(mut self) -> Value {
        let text = self.text.trim();
        if self.members.is_empty() {
            return Value::String(text.to_owned());
        }
        if !text.is_empty() && attribute_of(&self.name).is_some() {
            self.members.insert("$".to_owned(), text.into());
        }
        Value::Object(self.members)
    }
}

/// Puts an element that has ended into the one around it; the document, when there is none.
fn close(element: Element, open: &mut [Element]) -> Option<(String, Value)> {
    let (name, value) = (element.name.clone(), element.into_value());
    let Some(parent) = open.last_mut() else {
        return Some((name, value));
    };
    match parent.members.get_mut(&name) {
        None => {
            parent.members.insert(name, value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
    None
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_lists_and_texts_are_written_as_eureka_does() {
        let value = json!({
            "port": { "$": 8080, "@enabled": "true" },
            "application": [{ "name": "A" }, { "name": "B" }],
            "metadata": {},
        });
        let text = write("applications", &value);
        let elements = text.split_once('\n').unwrap().1;
        assert_eq!(
            elements,
            "<applications><application><name>A</name></application>\
             <application><name>B</name></application><metadata/>\
             <port enabled=\"true\">8080</port></applications>"
        );
    }

    #[test]
    fn nothing_that_an_instance_says_breaks_out_of_its_element() {
        let nasty = "<&>\"' ]]> \u{0}\u{b}\n é 한";
        let value = json!({ "@class": nasty, "a b</x>": nasty });
        let (root, read) = read(&write("dataCenterInfo", &value)).unwrap();
        assert_eq!(root, "dataCenterInfo");
        let readable = nasty.replace(['\u{0}', '\u{b}'], "\u{fffd}");
        assert_eq!(read["@class"], readable);
        assert_eq!(read["a b</x>"], readable);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let value = json!({
            "port": { "$": "8080", "@enabled": "true" },
            "instance": [{ "app": "A" }, { "app": "B" }],
            "status": "UP",
        });
        let written = write("application", &value);
        assert_eq!(read(&written), Ok(("application".to_owned(), value)));
    }

    #[test]
    fn keys_that_look_like_attributes_are_elements_where_there_are_no_attributes() {
        let metadata = json!({ "@a": "1", "@a_": "2", "a": "3", "$": "4", "@enabled": "5", "a_b": "6", "a__b": "7" });
        let value = json!({ "metadata": metadata, "port": { "$": "80", "@enabled": "true" } });
        let written = write("instance", &value);
        assert_eq!(read(&written), Ok(("instance".to_owned(), value)));
    }

    #[test]
    fn attributes_that_nobody_knows_are_left_out() {
        let text = "<metadata class=\"java.util.Collections$EmptyMap\"/>";
        assert_eq!(read(text), Ok(("metadata".to_owned(), json!(""))));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(17), "</a>".repeat(17));
        for text in [
            "",
            "text",
            "<a>",
            "</a>",
            "<a></b>",
            "<a>&nothing;</a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            &deep,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
