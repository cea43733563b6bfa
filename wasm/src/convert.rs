//! Values and errors on their way to JavaScript.

use earthcatalog_core::catalog::DATABASE_NAME;
use earthcatalog_core::{Error, ErrorKind, Result};
use js_sys::{JSON, Object, Reflect};
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::address::NO_WEB_ADDRESS;

/// The context key that says that CORS is the trouble; its value is the server.
pub(crate) const CORS: &str = "cors";

/// The rules that let pages read a catalog, as S3 takes them.
const CORS_RULES: &str = r#"{"CORSRules":[{"AllowedOrigins":["*"],"AllowedMethods":["GET","HEAD"],"AllowedHeaders":["*"],"MaxAgeSeconds":86400}]}"#;

/// An error as a plain object: `kind`, `message`, `hint`, `url`, `context`.
pub(crate) fn error_to_js(error: &Error) -> JsValue {
    let object = Object::new();
    let set = |key: &str, value: JsValue| {
        // Setting a member of a fresh object cannot fail.
        drop(Reflect::set(&object, &key.into(), &value));
    };
    let context = Object::new();
    let mut url = None;
    for (key, value) in error.context() {
        drop(Reflect::set(&context, &(*key).into(), &value.into()));
        url = url.or((*key == "location").then_some(value));
    }
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    set("kind", error.kind().as_str().into());
    set("message", format!("{}{source}", error.message()).into());
    set("hint", hint(error).into());
    set("url", url.map_or(JsValue::UNDEFINED, JsValue::from));
    set("context", context.into());
    object.into()
}

/// What whoever goes on with an aborted run is told.
pub(crate) fn aborted() -> JsValue {
    let object = Object::new();
    let members = [("kind", "aborted"), ("message", "the run was cancelled"), ("hint", "begin a new one.")];
    for (key, value) in members {
        // Setting a member of a fresh object cannot fail.
        drop(Reflect::set(&object, &key.into(), &value.into()));
    }
    drop(Reflect::set(&object, &"context".into(), &Object::new()));
    object.into()
}

/// Whether an error is about the one object of a catalog that changes.
pub(crate) fn is_about_database(error: &Error) -> bool {
    let is_database = |value: &str| value.to_ascii_lowercase().ends_with(DATABASE_NAME);
    error.context().iter().any(|(key, value)| *key == "location" && is_database(value))
}

/// What to do about an error, in a sentence or two.
fn hint(error: &Error) -> String {
    let find = |name: &str| error.context().iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    match error.kind() {
        ErrorKind::Denied if find(CORS).is_some() => format!(
            "the owner of the store must allow other sites to read it. Rules for S3: {CORS_RULES} (aws s3api \
             put-bucket-cors). Elsewhere: answer with `Access-Control-Allow-Origin: *`, with errors too, and allow the \
             request header `range`. Where other objects can be read, this one may not be there."
        ),
        ErrorKind::Denied => {
            "sign the requests with the options `headers`, `fetch` or `resolve`. S3 also says 403 for \
             an object that is not there, where listing is not allowed."
                .into()
        }
        ErrorKind::NotFound if is_about_database(error) => {
            "open the folder that holds `earthcatalog.db`, or that file.".into()
        }
        ErrorKind::NotFound => "a copy of the catalog may be incomplete: copy it again, all of it.".into(),
        ErrorKind::Unavailable => "try again; a slow server needs a longer `timeoutMs`.".into(),
        ErrorKind::Changed => "search again; where that fails too, open the catalog again.".into(),
        ErrorKind::Corrupt => "the server may send something else than what is stored (a compressed, cached or cut \
             copy, a page of its own): compare the object with the original."
            .into(),
        ErrorKind::Unsupported => match find(NO_WEB_ADDRESS) {
            Some(scheme) => format!(
                "open the catalog with `resolve: (location) => …`, which gives the https address of each `{scheme}:` \
                 location, or with the https address of its folder."
            ),
            None => "ask without it, or report what you need it for.".into(),
        },
        ErrorKind::Invalid => "correct what the message names, and ask again.".into(),
        ErrorKind::Conflict | ErrorKind::Locked => "try again later.".into(),
        _ => "this is a defect: please report it.".into(),
    }
}

/// What JavaScript threw, as text.
pub(crate) fn thrown(value: &JsValue) -> String {
    let error = value.dyn_ref::<js_sys::Error>();
    let cause = error.and_then(|error| Reflect::get(error, &"cause".into()).ok()?.dyn_into::<js_sys::Error>().ok());
    let message = |error: &js_sys::Error| String::from(error.message());
    match (error, cause) {
        (Some(error), Some(cause)) => format!("{}: {}", message(error), message(&cause)),
        (Some(error), None) => message(error),
        (None, _) => value.as_string().unwrap_or_else(|| "something that is no error".into()),
    }
}

/// Many values, as the engine's own parser makes them of JSON text: crossing once costs less than crossing for every
/// member.
pub(crate) fn json_to_js(value: &impl Serialize) -> Result<JsValue> {
    let text = serde_json::to_string(value).map_err(|error| Error::internal("a value is not JSON").caused_by(error))?;
    JSON::parse(&text).map_err(|value| Error::internal("a value is not JSON").caused_by(thrown(&value)))
}

/// A small value as a plain object whose members are named as JavaScript names them.
pub(crate) fn object_to_js(value: &impl Serialize) -> Result<JsValue> {
    let internal = |error: serde_json::Error| Error::internal("a value is not JSON").caused_by(error);
    json_to_js(&camel_case(serde_json::to_value(value).map_err(internal)?))
}

/// A value from JavaScript; `undefined` is null.
pub(crate) fn value_from_js(value: JsValue, name: &str) -> Result<Value> {
    serde_wasm_bindgen::from_value(value)
        .map_err(|error| Error::invalid(format!("`{name}` is no plain JSON value: {error}")))
}

/// Names in camel case. What table properties are called is not ours to change.
fn camel_case(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(camel_case).collect(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let value = if name == "properties" { value } else { camel_case(value) };
                (camel_cased(&name), value)
            });
            Value::Object(members.collect())
        }
        other => other,
    }
}

fn camel_cased(name: &str) -> String {
    let mut upper = false;
    let mut cased = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter == '_' {
            upper = true;
        } else {
            cased.push(if std::mem::take(&mut upper) { letter.to_ascii_uppercase() } else { letter });
        }
    }
    cased
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_named_as_javascript_names_them() {
        let value = json!({ "row_count": 1, "cells": [{ "total_bytes": 2 }], "properties": { "a_b": 3 } });
        let cased = json!({ "rowCount": 1, "cells": [{ "totalBytes": 2 }], "properties": { "a_b": 3 } });
        assert_eq!(camel_case(value), cased);
    }

    #[test]
    fn every_hint_is_a_sentence() {
        for kind in [ErrorKind::Denied, ErrorKind::NotFound, ErrorKind::Changed, ErrorKind::Internal] {
            assert!(hint(&Error::new(kind, "x")).ends_with('.'));
        }
        let denied = Error::new(ErrorKind::Denied, "x").with(CORS, "https://h");
        assert!(hint(&denied).contains("AllowedOrigins"));
        let nowhere = Error::unsupported("x").with(NO_WEB_ADDRESS, "az");
        assert!(hint(&nowhere).contains("resolve") && hint(&nowhere).contains("`az:`"));
    }
}
