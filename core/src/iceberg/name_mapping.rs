//! Column name mapping: which field a column of a file without field ids is ("Column Projection", "Name Mapping").

use serde_json::Value as Json;

use crate::{Error, Result, limits};

/// The table property `schema.name-mapping.default`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMapping {
    /// The mapping of the top-level columns.
    pub fields: Vec<MappedField>,
}

/// The names a field may have in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedField {
    /// The field; `None` for a column that is to be left unread.
    pub field_id: Option<i32>,
    /// Its names.
    pub names: Vec<String>,
    /// The mapping below, for structs, lists (`element`) and maps (`key`, `value`).
    pub fields: Vec<MappedField>,
}

impl NameMapping {
    /// Reads the property's JSON text.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for anything that is no name mapping.
    pub fn parse(text: &str) -> Result<Self> {
        let json: Json = serde_json::from_str(text)
            .map_err(|error| Error::corrupt("the table's name mapping is no JSON").caused_by(error))?;
        Ok(Self { fields: parse_fields(&json, 0)? })
    }

    /// The field id of a column by its path of names; `None` if it is not mapped.
    #[must_use]
    pub fn field_id<S: AsRef<str>>(&self, path: &[S]) -> Option<i32> {
        let (last, above) = path.split_last()?;
        let mut fields = self.fields.as_slice();
        for name in above {
            fields = &find(fields, name.as_ref())?.fields;
        }
        find(fields, last.as_ref())?.field_id
    }
}

fn find<'a>(fields: &'a [MappedField], name: &str) -> Option<&'a MappedField> {
    fields.iter().find(|field| field.names.iter().any(|one| one == name))
}

fn parse_fields(json: &Json, depth: usize) -> Result<Vec<MappedField>> {
    let corrupt = |what: &str| Error::corrupt(format!("the table's name mapping {what}"));
    if depth > limits::DEPTH {
        return Err(corrupt("is nested too deep"));
    }
    let mut fields = Vec::new();
    for entry in json.as_array().ok_or_else(|| corrupt("is no array"))? {
        let names = entry.get("names").and_then(Json::as_array).ok_or_else(|| corrupt("has a field without names"))?;
        let names = names.iter().map(|name| name.as_str().map(str::to_owned));
        let field_id = match entry.get("field-id") {
            None | Some(Json::Null) => None,
            Some(id) => {
                let id = id.as_i64().and_then(|id| i32::try_from(id).ok());
                Some(id.ok_or_else(|| corrupt("has a field id that is no 32-bit integer"))?)
            }
        };
        fields.push(MappedField {
            field_id,
            names: names.collect::<Option<_>>().ok_or_else(|| corrupt("has a name that is no text"))?,
            fields: match entry.get("fields") {
                None | Some(Json::Null) => Vec::new(),
                Some(below) => parse_fields(below, depth + 1)?,
            },
        });
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_found_by_any_of_its_names_at_any_depth() {
        let text = r#"[{"field-id":1,"names":["id","record_id"]},
            {"field-id":3,"names":["location"],"fields":[{"field-id":4,"names":["lat"]},{"names":["gone"]}]}]"#;
        let mapping = NameMapping::parse(text).unwrap();
        assert_eq!(mapping.field_id(&["record_id"]), Some(1));
        assert_eq!(mapping.field_id(&["location", "lat"]), Some(4));
        assert_eq!(mapping.field_id(&["location", "gone"]), None);
        assert_eq!(mapping.field_id(&["lat"]), None);
        assert_eq!(mapping.field_id::<&str>(&[]), None);
    }

    #[test]
    fn what_is_no_mapping_is_corrupt() {
        for text in ["", "{}", "[1]", r#"[{"names":[1]}]"#, r#"[{"names":[],"field-id":9999999999}]"#] {
            assert_eq!(NameMapping::parse(text).unwrap_err().kind(), crate::ErrorKind::Corrupt, "{text}");
        }
    }
}
