//! The writer's schema in an Avro file ("Schema Declaration"), with Iceberg's field ids ("Appendix A: Avro").

use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;

use crate::{Error, Result, limits};

/// A type of the writer's schema. Named types that are used twice are shared; recursive ones are refused, since
/// Iceberg has none.
#[derive(Debug)]
pub enum Node {
    /// No bytes.
    Null,
    /// One byte.
    Boolean,
    /// At most 32 bits.
    Int,
    /// At most 64 bits.
    Long,
    /// Four bytes.
    Float,
    /// Eight bytes.
    Double,
    /// Counted bytes.
    Bytes,
    /// Counted UTF-8.
    String,
    /// So many bytes.
    Fixed(usize),
    /// The position of a symbol.
    Enum,
    /// Fields, one after the other.
    Record(Vec<RecordField>),
    /// Items of one type.
    Array(Arc<Node>),
    /// Text keys, values of one type.
    Map(Arc<Node>),
    /// One of several.
    Union(Vec<Arc<Node>>),
}

/// A field of a record.
#[derive(Debug)]
pub struct RecordField {
    /// What the writer called it.
    pub name: String,
    /// Iceberg's id for it, if the writer gave one.
    pub field_id: Option<i32>,
    /// Its type.
    pub node: Arc<Node>,
}

impl Node {
    /// The fields of a record.
    #[must_use]
    pub fn fields(&self) -> Option<&[RecordField]> {
        match self {
            Self::Record(fields) => Some(fields),
            _ => None,
        }
    }

    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Int => "an int",
            Self::Long => "a long",
            Self::Float => "a float",
            Self::Double => "a double",
            Self::Bytes => "bytes",
            Self::String => "a string",
            Self::Fixed(_) => "fixed bytes",
            Self::Enum => "an enum",
            Self::Record(_) => "a record",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Union(_) => "a union",
        }
    }
}

pub(super) fn parse(text: &[u8]) -> Result<Arc<Node>> {
    let json: Json =
        serde_json::from_slice(text).map_err(|error| Error::corrupt("Avro schema is no JSON").caused_by(error))?;
    Ok(Parser { named: HashMap::new() }.node(&json)?.node)
}

struct Parser {
    /// `None` while the type is being read.
    named: HashMap<String, Option<Measured>>,
}

/// A node and how deep it goes, so that no chain of named types can exhaust the stack.
#[derive(Clone)]
struct Measured {
    node: Arc<Node>,
    depth: usize,
}

impl Measured {
    fn new(node: Node, below: usize) -> Result<Self> {
        if below >= limits::DEPTH {
            return Err(Error::corrupt("Avro schema is nested too deep"));
        }
        Ok(Self { node: Arc::new(node), depth: below + 1 })
    }
}

impl Parser {
    fn node(&mut self, json: &Json) -> Result<Measured> {
        match json {
            Json::String(name) => self.by_name(name),
            Json::Array(branches) => {
                let branches = branches.iter().map(|branch| self.node(branch)).collect::<Result<Vec<_>>>()?;
                let depth = branches.iter().map(|branch| branch.depth).max().unwrap_or(0);
                Measured::new(Node::Union(branches.into_iter().map(|branch| branch.node).collect()), depth)
            }
            Json::Object(object) => match object.get("type") {
                Some(Json::String(kind)) => self.complex(kind, object),
                Some(nested) => self.node(nested),
                None => Err(Error::corrupt("Avro schema without type")),
            },
            _ => Err(Error::corrupt("Avro schema is neither name, object nor union")),
        }
    }

    fn by_name(&mut self, name: &str) -> Result<Measured> {
        let node = match name {
            "null" => Node::Null,
            "boolean" => Node::Boolean,
            "int" => Node::Int,
            "long" => Node::Long,
            "float" => Node::Float,
            "double" => Node::Double,
            "bytes" => Node::Bytes,
            "string" => Node::String,
            named => {
                return match self.named.get(simple(named)) {
                    Some(Some(known)) => Ok(known.clone()),
                    Some(None) => Err(Error::unsupported("recursive Avro schema")),
                    None => Err(Error::corrupt(format!("Avro type `{}` is not declared", named.escape_debug()))),
                };
            }
        };
        Measured::new(node, 0)
    }

    fn complex(&mut self, kind: &str, object: &Map<String, Json>) -> Result<Measured> {
        let below = |parser: &mut Self, key: &str| {
            parser.node(object.get(key).ok_or_else(|| Error::corrupt(format!("Avro {kind} without `{key}`")))?)
        };
        match kind {
            "record" | "error" => {
                let name = self.declare(object);
                let record = self.record(object)?;
                Ok(self.finish(name, record))
            }
            "enum" => {
                let name = self.declare(object);
                Ok(self.finish(name, Measured::new(Node::Enum, 0)?))
            }
            "fixed" => {
                let size = object.get("size").and_then(Json::as_u64).and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| Error::corrupt("Avro fixed without size"))?;
                let name = self.declare(object);
                Ok(self.finish(name, Measured::new(Node::Fixed(size), 0)?))
            }
            "array" => {
                let items = below(self, "items")?;
                Measured::new(Node::Array(items.node), items.depth)
            }
            "map" => {
                let values = below(self, "values")?;
                Measured::new(Node::Map(values.node), values.depth)
            }
            other => self.by_name(other),
        }
    }

    fn record(&mut self, object: &Map<String, Json>) -> Result<Measured> {
        let fields = object.get("fields").and_then(Json::as_array);
        let (mut parsed, mut depth) = (Vec::new(), 0);
        for field in fields.ok_or_else(|| Error::corrupt("Avro record without fields"))? {
            let name = field.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
            let kind = field.get("type").ok_or_else(|| Error::corrupt("Avro field without type"))?;
            let below = self.node(kind)?;
            depth = depth.max(below.depth);
            let field_id = field.get("field-id").and_then(Json::as_i64).and_then(|id| i32::try_from(id).ok());
            parsed.push(RecordField { name, field_id, node: below.node });
        }
        Measured::new(Node::Record(parsed), depth)
    }

    fn declare(&mut self, object: &Map<String, Json>) -> Option<String> {
        let name = simple(object.get("name").and_then(Json::as_str)?).to_owned();
        self.named.insert(name.clone(), None);
        Some(name)
    }

    fn finish(&mut self, name: Option<String>, node: Measured) -> Measured {
        if let Some(name) = name {
            self.named.insert(name, Some(node.clone()));
        }
        node
    }
}

/// The name without its namespace: Iceberg's writers do not use the same name in two namespaces.
fn simple(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
