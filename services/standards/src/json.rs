//! Reads a JSON document: bounded, without double keys, into a tree and into values at once.

pub(crate) mod schema;
pub(crate) mod sentences;

use serde_json::{Map, Number, Value};

use crate::{
    Limits, codes,
    tree::{Node, Tree},
};

/// A JSON document.
#[derive(Debug)]
pub(crate) struct Json {
    /// For the schema.
    pub(crate) value: Value,
    /// For header and mapping: the members of the one object beside `$schema`.
    pub(crate) tree: Tree<'static>,
    /// Value of `$schema`, else of `schemaUri`.
    pub(crate) schema: Option<String>,
    /// Name of the one member beside it.
    pub(crate) member: Option<String>,
}

/// Members that name the schema: JSON Schema's own, and what FIT-Connect calls it.
const SCHEMA_KEYS: [&str; 2] = ["$schema", "schemaUri"];

fn is_schema_key(key: &str) -> bool {
    SCHEMA_KEYS.contains(&key)
}

/// Why it cannot be read, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct JsonFault {
    pub(crate) code: &'static str,
    /// In bytes.
    pub(crate) at: usize,
}

/// Reads `text`.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Json, JsonFault> {
    let mut parser = Parser { text, at: 0, depth: 0, values: 0, limits, tree: Tree::of_json() };
    parser.space();
    let value = parser.value(None)?;
    parser.space();
    if parser.at != text.len() {
        return Err(parser.malformed());
    }
    let object = value.as_object();
    let named = |key: &&str| object.and_then(|o| o.get(*key)).and_then(Value::as_str);
    let schema = SCHEMA_KEYS.iter().find_map(named).map(str::to_owned);
    let mut members = object.into_iter().flat_map(Map::keys).filter(|key| !is_schema_key(key));
    let member = members.next().filter(|_| members.next().is_none()).cloned();
    Ok(Json { tree: parser.tree, value, schema, member })
}

/// Recursive descent; the limit on depth bounds its stack.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    values: usize,
    limits: &'a Limits,
    tree: Tree<'static>,
}

/// Where a value is put in the tree: the node around it and its name there.
type Slot<'n> = Option<(Option<Node>, &'n str)>;

impl Parser<'_> {
    fn value(&mut self, slot: Slot<'_>) -> Result<Value, JsonFault> {
        self.values += 1;
        if self.values > self.limits.elements_max {
            return Err(self.fault(codes::TOO_LARGE));
        }
        match self.peek() {
            Some(b'{') => self.nested(|parser| parser.object(slot)),
            Some(b'[') => self.nested(|parser| parser.array(slot)),
            Some(b'"') => {
                let at = self.at;
                let text = self.string()?;
                self.leaf(slot, at, &text);
                Ok(Value::String(text))
            }
            Some(_) => self.literal(slot),
            None => Err(self.malformed()),
        }
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value, JsonFault>,
    ) -> Result<Value, JsonFault> {
        self.depth += 1;
        if self.depth > self.limits.depth_max {
            return Err(self.fault(codes::TOO_DEEP));
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self, slot: Slot<'_>) -> Result<Value, JsonFault> {
        let node = self.node(slot, self.at);
        // The outermost object only holds `$schema` and the message; the message is the root.
        let is_outermost = slot.is_none();
        let mut members = Map::new();
        self.at += 1;
        self.space();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.malformed());
            }
            let key = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(self.malformed());
            }
            self.space();
            if members.contains_key(&key) {
                self.at = at;
                return Err(self.fault(codes::JSON_DUPLICATE_KEY));
            }
            let slot = match (is_outermost, key.as_str()) {
                (true, name) if is_schema_key(name) => None,
                (true, name) if self.tree.root().is_none() => Some((None, name)),
                (true, _) => None,
                (false, name) => node.map(|node| (Some(node), name)),
            };
            let value =
                if is_outermost && slot.is_none() { self.skipped()? } else { self.value(slot)? };
            members.insert(key, value);
            self.space();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.take(b',') {
                return Err(self.malformed());
            }
        }
    }

    /// A value that is no part of the message.
    fn skipped(&mut self) -> Result<Value, JsonFault> {
        let tree = std::mem::replace(&mut self.tree, Tree::of_json());
        let value = self.value(Some((None, "")));
        self.tree = tree;
        value
    }

    fn array(&mut self, slot: Slot<'_>) -> Result<Value, JsonFault> {
        let mut values = Vec::new();
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Ok(Value::Array(values));
        }
        loop {
            self.space();
            // The items are siblings of the array's name, as elements that repeat are in XML.
            values.push(self.value(slot)?);
            self.space();
            if self.take(b']') {
                return Ok(Value::Array(values));
            }
            if !self.take(b',') {
                return Err(self.malformed());
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonFault> {
        let start = self.at;
        let mut is_escaped = false;
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(self.malformed()),
                Some(b'\\') if !is_escaped => is_escaped = true,
                Some(b'"') if !is_escaped => break,
                Some(_) => is_escaped = false,
            }
            self.at += 1;
        }
        self.at += 1;
        let token = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(token).map_err(|_| {
            self.at = start;
            self.malformed()
        })
    }

    fn literal(&mut self, slot: Slot<'_>) -> Result<Value, JsonFault> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            self.at += 1;
        }
        let token = self.text.get(start..self.at).unwrap_or_default();
        let value = match token {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => match serde_json::from_str::<Number>(token) {
                Ok(number) => Value::Number(number),
                Err(_) => {
                    self.at = start;
                    return Err(self.malformed());
                }
            },
        };
        self.leaf(slot, start, if value.is_null() { "" } else { token });
        Ok(value)
    }

    fn node(&mut self, slot: Slot<'_>, at: usize) -> Option<Node> {
        let (parent, name) = slot?;
        if parent.is_none() && self.tree.root().is_some() {
            return None;
        }
        Some(self.tree.push(parent, "", name, "", at))
    }

    fn leaf(&mut self, slot: Slot<'_>, at: usize, text: &str) {
        if let Some(node) = self.node(slot, at) {
            self.tree.push_text(node, text);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        if is_there {
            self.at += 1;
        }
        is_there
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn malformed(&self) -> JsonFault {
        self.fault(codes::JSON_NOT_WELL_FORMED)
    }

    fn fault(&self, code: &'static str) -> JsonFault {
        JsonFault { code, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use xsd::LocalName;

    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        parse(text, &Limits::default()).err().map(|fault| fault.code)
    }

    #[test]
    fn values_and_tree_say_the_same() {
        let text =
            r#"{"$schema":"urn:s","antrag":{"@x":1,"anlage":[{"n":"a"},{"n":"\u00fc"}],"t":true}}"#;
        let json = parse(text, &Limits::default()).unwrap();
        assert_eq!(json.value, serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(
            (json.schema.as_deref(), json.member.as_deref()),
            (Some("urn:s"), Some("antrag"))
        );
        let root = json.tree.root().unwrap();
        let anlage = json.tree.children(root).nth(2).unwrap();
        assert_eq!(json.tree.local_name(root), "antrag");
        assert_eq!(json.tree.attribute(anlage, &LocalName::new("n")), Some("ü"));
        assert_eq!(json.tree.attribute(root, &LocalName::new("t")), Some("true"));
    }

    #[test]
    fn a_schema_may_be_named_as_fit_connect_names_it() {
        let json = parse(r#"{"a":{"b":1},"schemaUri":"urn:s"}"#, &Limits::default()).unwrap();
        assert_eq!((json.schema.as_deref(), json.member.as_deref()), (Some("urn:s"), Some("a")));
        assert_eq!(json.tree.root().map(|root| json.tree.local_name(root)), Some("a"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1 2]",
            "{\"a\":01}",
            "\"\\x\"",
            "{} {}",
            "{'a':1}",
        ] {
            assert_eq!(code(text), Some(codes::JSON_NOT_WELL_FORMED), "{text}");
        }
        assert_eq!(code("{\"a\":{\"b\":1,\"b\":2}}"), Some(codes::JSON_DUPLICATE_KEY));
    }

    #[test]
    fn depth_is_bounded() {
        assert_eq!(code(&"[".repeat(100_000)), Some(codes::TOO_DEEP));
    }
}
