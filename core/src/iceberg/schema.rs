//! Iceberg schemas: fields known by id, and their types ("Schemas and Data Types", "Appendix C: JSON serialization").

use serde_json::{Map, Value as Json, json};

use crate::{Error, Result, limits};

/// A schema of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its number within the table.
    pub schema_id: i32,
    /// The top-level columns, in order.
    pub fields: Vec<Field>,
}

/// A column, a struct's field, a list's element or a map's key or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What identifies the field for ever, whatever it is called.
    pub id: i32,
    /// What it is called now.
    pub name: String,
    /// Whether null is forbidden.
    pub required: bool,
    /// Its type.
    pub r#type: Type,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A single value.
    Primitive(PrimitiveType),
    /// Named fields.
    Struct(Vec<Field>),
    /// Elements of one kind; the field is `element`.
    List(Box<Field>),
    /// Keys and values; the fields are `key` and `value`.
    Map(Box<Field>, Box<Field>),
}

/// The type of a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrimitiveType {
    /// True or false.
    Boolean,
    /// 32 bits, signed.
    Int,
    /// 64 bits, signed.
    Long,
    /// IEEE 754, 32 bits.
    Float,
    /// IEEE 754, 64 bits.
    Double,
    /// Fixed-point decimal.
    Decimal {
        /// Digits in all, at most 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds since 1970-01-01, no zone.
    Timestamp,
    /// Microseconds since 1970-01-01, UTC.
    Timestamptz,
    /// UTF-8 text.
    String,
    /// 16 bytes.
    Uuid,
    /// So many bytes.
    Fixed(u64),
    /// Bytes.
    Binary,
}

impl Schema {
    /// The field of an id, however deep it lies.
    #[must_use]
    pub fn field_by_id(&self, id: i32) -> Option<&Field> {
        find_by_id(&self.fields, id)
    }

    /// The top-level field of a name.
    #[must_use]
    pub fn field_by_name(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field of a path such as `geometry_bbox.xmin`; lists go on with `element`, maps with `key` and `value`.
    ///
    /// A name that itself holds dots is found too, since every way to cut the path is tried.
    #[must_use]
    pub fn field_by_path(&self, path: &str) -> Option<&Field> {
        find_by_path(&self.fields, path)
    }

    /// Every field of a primitive type, depth first, with its dotted path.
    #[must_use]
    pub fn leaves(&self) -> Vec<(String, &Field)> {
        let mut leaves = Vec::new();
        for field in &self.fields {
            collect_leaves(field, "", &mut leaves);
        }
        leaves
    }

    /// The highest field id in use; 0 in an empty schema.
    #[must_use]
    pub fn highest_field_id(&self) -> i32 {
        self.fields.iter().map(Field::highest_id).max().unwrap_or(0)
    }

    /// As Iceberg's JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({ "type": "struct", "schema-id": self.schema_id, "fields": fields_json(&self.fields) })
    }

    /// Reads a schema from Iceberg's JSON; a missing `schema-id` is 0, as version 1 has it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for anything that is no schema, [`crate::ErrorKind::Unsupported`] for a type that
    /// versions 1 and 2 do not have.
    pub fn from_json(json: &Json) -> Result<Self> {
        let schema_id = match json.get("schema-id") {
            None | Some(Json::Null) => 0,
            Some(id) => integer(id, "schema-id")?,
        };
        let fields = json.get("fields").ok_or_else(|| Error::corrupt("schema without `fields`"))?;
        let fields = parse_fields(fields, 0)?;
        let schema = Self { schema_id, fields };
        schema.check_ids()?;
        Ok(schema)
    }

    fn check_ids(&self) -> Result<()> {
        let mut ids = Vec::new();
        self.fields.iter().for_each(|field| field.collect_ids(&mut ids));
        ids.sort_unstable();
        match ids.windows(2).find_map(|pair| match pair {
            [first, second] if first == second => Some(*first),
            _ => None,
        }) {
            Some(id) => Err(Error::corrupt(format!("schema uses field id {id} twice"))),
            None => Ok(()),
        }
    }
}

impl Field {
    /// A field that may be null.
    #[must_use]
    pub fn optional(id: i32, name: impl Into<String>, r#type: Type) -> Self {
        Self { id, name: name.into(), required: false, r#type }
    }

    /// A field that is never null.
    #[must_use]
    pub fn required(id: i32, name: impl Into<String>, r#type: Type) -> Self {
        Self { id, name: name.into(), required: true, r#type }
    }

    /// The primitive type, if it is one.
    #[must_use]
    pub fn primitive(&self) -> Option<&PrimitiveType> {
        match &self.r#type {
            Type::Primitive(primitive) => Some(primitive),
            _ => None,
        }
    }

    /// As Iceberg's JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({ "id": self.id, "name": self.name, "required": self.required, "type": self.r#type.to_json() })
    }

    fn highest_id(&self) -> i32 {
        let mut ids = Vec::new();
        self.collect_ids(&mut ids);
        ids.into_iter().max().unwrap_or(self.id)
    }

    fn collect_ids(&self, ids: &mut Vec<i32>) {
        ids.push(self.id);
        self.r#type.children().for_each(|child| child.collect_ids(ids));
    }
}

impl Type {
    /// The fields below: a struct's, a list's element, a map's key and value.
    pub fn children(&self) -> impl Iterator<Item = &Field> {
        let (fields, pair): (&[Field], [Option<&Field>; 2]) = match self {
            Self::Primitive(_) => (&[], [None, None]),
            Self::Struct(fields) => (fields, [None, None]),
            Self::List(element) => (&[], [Some(element), None]),
            Self::Map(key, value) => (&[], [Some(key), Some(value)]),
        };
        fields.iter().chain(pair.into_iter().flatten())
    }

    /// As Iceberg's JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Primitive(primitive) => Json::String(primitive.to_string()),
            Self::Struct(fields) => json!({ "type": "struct", "fields": fields_json(fields) }),
            Self::List(element) => json!({
                "type": "list", "element-id": element.id, "element-required": element.required,
                "element": element.r#type.to_json(),
            }),
            Self::Map(key, value) => json!({
                "type": "map", "key-id": key.id, "key": key.r#type.to_json(),
                "value-id": value.id, "value-required": value.required, "value": value.r#type.to_json(),
            }),
        }
    }
}

impl From<PrimitiveType> for Type {
    fn from(primitive: PrimitiveType) -> Self {
        Self::Primitive(primitive)
    }
}

impl PrimitiveType {
    /// Reads Iceberg's name of a type.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] for a type that versions 1 and 2 do not have.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Timestamptz,
            "string" => Self::String,
            "uuid" => Self::Uuid,
            "binary" => Self::Binary,
            other => parse_parametric(other)
                .ok_or_else(|| Error::unsupported(format!("column type `{}`", other.escape_debug())))?,
        })
    }
}

fn parse_parametric(name: &str) -> Option<PrimitiveType> {
    let (kind, arguments) = name.strip_suffix([')', ']'])?.split_once(['(', '['])?;
    match kind.trim() {
        "fixed" => Some(PrimitiveType::Fixed(arguments.trim().parse().ok()?)),
        "decimal" => {
            let (precision, scale) = arguments.split_once(',')?;
            let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
            (precision <= 38 && scale <= precision).then_some(PrimitiveType::Decimal { precision, scale })
        }
        _ => None,
    }
}

impl std::fmt::Display for PrimitiveType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::Int => f.write_str("int"),
            Self::Long => f.write_str("long"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision}, {scale})"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Timestamptz => f.write_str("timestamptz"),
            Self::String => f.write_str("string"),
            Self::Uuid => f.write_str("uuid"),
            Self::Fixed(length) => write!(f, "fixed[{length}]"),
            Self::Binary => f.write_str("binary"),
        }
    }
}

fn find_by_id(fields: &[Field], id: i32) -> Option<&Field> {
    fields.iter().find_map(|field| find_in(field, id))
}

fn find_in(field: &Field, id: i32) -> Option<&Field> {
    if field.id == id {
        return Some(field);
    }
    field.r#type.children().find_map(|child| find_in(child, id))
}

fn find_by_path<'a>(fields: impl IntoIterator<Item = &'a Field>, path: &str) -> Option<&'a Field> {
    fields.into_iter().find_map(|field| {
        let rest = path.strip_prefix(field.name.as_str())?;
        if rest.is_empty() {
            return Some(field);
        }
        find_by_path(field.r#type.children(), rest.strip_prefix('.')?)
    })
}

fn collect_leaves<'a>(field: &'a Field, prefix: &str, leaves: &mut Vec<(String, &'a Field)>) {
    let path = if prefix.is_empty() { field.name.clone() } else { format!("{prefix}.{}", field.name) };
    if field.primitive().is_some() {
        leaves.push((path, field));
        return;
    }
    field.r#type.children().for_each(|child| collect_leaves(child, &path, leaves));
}

fn fields_json(fields: &[Field]) -> Vec<Json> {
    fields.iter().map(Field::to_json).collect()
}

fn parse_fields(json: &Json, depth: usize) -> Result<Vec<Field>> {
    let fields = json.as_array().ok_or_else(|| Error::corrupt("`fields` of a schema is no array"))?;
    fields.iter().map(|field| parse_field(field, depth)).collect()
}

fn parse_field(json: &Json, depth: usize) -> Result<Field> {
    let object = json.as_object().ok_or_else(|| Error::corrupt("a field of a schema is no object"))?;
    let name = object.get("name").and_then(Json::as_str).ok_or_else(|| Error::corrupt("schema field without name"))?;
    let required = object.get("required").and_then(Json::as_bool).unwrap_or(false);
    Ok(Field {
        id: required_integer(object, "id")?,
        name: name.to_owned(),
        required,
        r#type: parse_type(object.get("type"), depth + 1)?,
    })
}

fn parse_type(json: Option<&Json>, depth: usize) -> Result<Type> {
    if depth > limits::DEPTH {
        return Err(Error::corrupt("schema is nested too deep"));
    }
    let object = match json {
        Some(Json::String(name)) => return PrimitiveType::parse(name).map(Type::Primitive),
        Some(Json::Object(object)) => object,
        _ => return Err(Error::corrupt("schema field without type")),
    };
    let part = |name: &'static str, key: &str, required: bool| {
        Ok(Box::new(Field {
            id: required_integer(object, &format!("{key}-id"))?,
            name: name.to_owned(),
            required,
            r#type: parse_type(object.get(key), depth + 1)?,
        }))
    };
    let flag = |key: &str| object.get(key).and_then(Json::as_bool).unwrap_or(false);
    match object.get("type").and_then(Json::as_str) {
        Some("struct") => parse_fields(object.get("fields").unwrap_or(&Json::Null), depth).map(Type::Struct),
        Some("list") => Ok(Type::List(part("element", "element", flag("element-required"))?)),
        Some("map") => Ok(Type::Map(part("key", "key", true)?, part("value", "value", flag("value-required"))?)),
        other => Err(Error::unsupported(format!("column type `{}`", other.unwrap_or_default().escape_debug()))),
    }
}

fn required_integer(object: &Map<String, Json>, key: &str) -> Result<i32> {
    integer(object.get(key).unwrap_or(&Json::Null), key)
}

fn integer(json: &Json, key: &str) -> Result<i32> {
    let number = json.as_i64().and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| Error::corrupt(format!("`{key}` of a schema is no 32-bit integer")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested() -> Json {
        json!({ "type": "struct", "schema-id": 3, "fields": [
            { "id": 1, "name": "a.b", "required": true, "type": "decimal(9, 2)" },
            { "id": 2, "name": "box", "required": false, "type": { "type": "struct", "fields": [
                { "id": 3, "name": "xmin", "required": false, "type": "double" } ] } },
            { "id": 4, "name": "tags", "required": false, "type": { "type": "map", "key-id": 5, "key": "string",
                "value-id": 6, "value-required": false, "value": { "type": "list", "element-id": 7,
                "element-required": false, "element": "fixed[3]" } } } ] })
    }

    #[test]
    fn a_nested_schema_survives_json_both_ways() {
        let schema = Schema::from_json(&nested()).unwrap();
        assert_eq!(schema.to_json(), nested());
        assert_eq!(Schema::from_json(&schema.to_json()).unwrap(), schema);
    }

    #[test]
    fn fields_are_found_by_id_and_by_path_at_any_depth() {
        let schema = Schema::from_json(&nested()).unwrap();
        assert_eq!(schema.field_by_id(7).unwrap().primitive(), Some(&PrimitiveType::Fixed(3)));
        assert_eq!(schema.field_by_path("a.b").unwrap().id, 1);
        assert_eq!(schema.field_by_path("box.xmin").unwrap().id, 3);
        assert_eq!(schema.field_by_path("tags.value.element").unwrap().id, 7);
        assert_eq!(schema.field_by_path("box.ymin"), None);
        let paths: Vec<_> = schema.leaves().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a.b", "box.xmin", "tags.key", "tags.value.element"]);
        assert_eq!(schema.highest_field_id(), 7);
    }

    #[test]
    fn types_of_version_3_and_repeated_ids_are_refused() {
        let of = |name: &str| json!({ "fields": [{ "id": 1, "name": "x", "required": false, "type": name }] });
        assert_eq!(Schema::from_json(&of("variant")).unwrap_err().kind(), crate::ErrorKind::Unsupported);
        assert_eq!(Schema::from_json(&of("decimal(50, 2)")).unwrap_err().kind(), crate::ErrorKind::Unsupported);
        let twice =
            json!({ "fields": [{ "id": 1, "name": "x", "type": "int" }, { "id": 1, "name": "y", "type": "int" }] });
        assert_eq!(Schema::from_json(&twice).unwrap_err().kind(), crate::ErrorKind::Corrupt);
    }
}
