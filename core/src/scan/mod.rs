//! From planned files to rows.

pub mod columns;
pub mod file;
pub mod footer;
mod order;
pub mod predicate;
mod rows;

pub(crate) use order::Key;
pub use order::Order;
pub(crate) use rows::{Opened, ROW_NUMBER};

use std::sync::Arc;

use crate::cql2::Filter;
use crate::iceberg::metadata::{NameMapping, Schema};
use crate::query::{Query, TemporalRule};
use crate::stac::schema as stac_schema;
use crate::{Error, Result};

/// What the scans of all files of one search share.
#[derive(Clone, Debug)]
pub struct ScanContext {
    /// The query.
    pub query: Arc<Query>,
    /// The table's current schema: columns come back under its names.
    pub schema: Arc<Schema>,
    /// What the columns of files without field ids are called.
    pub name_mapping: Option<Arc<NameMapping>>,
    /// Which columns come back.
    pub output: Output,
    /// The order of the answer.
    pub order: Arc<Order>,
    /// The query's filter, tied to the table.
    pub filter: Option<Arc<Filter>>,
}

impl ScanContext {
    /// What scans for `query` share, in a table with `schema`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] for a table without the columns to select by; those of [`Order::new`], and of
    /// [`Filter::new`] for the query's filter.
    pub fn new(
        query: Arc<Query>,
        schema: Arc<Schema>,
        name_mapping: Option<Arc<NameMapping>>,
        output: Output,
    ) -> Result<Self> {
        check_columns(&query, &schema)?;
        let order = Arc::new(Order::new(&query.sortby, &schema)?);
        let filter = query.filter.as_ref().map(|filter| Filter::new(filter, &schema)).transpose()?.map(Arc::new);
        Ok(Self { query, schema, name_mapping, output, order, filter })
    }

    /// Whether a row has to pass a test at all.
    #[must_use]
    pub fn restricts(&self) -> bool {
        let query = &self.query;
        let named = query.ids.is_some() || query.collections.is_some();
        named || query.area.is_some() || query.datetime.is_some() || self.filter.is_some()
    }

    /// Whether a column of the table is read for what comes back.
    #[must_use]
    pub fn wants_column(&self, name: &str) -> bool {
        let tells_items_apart = stac_schema::IDENTITY.contains(&name);
        match self.output {
            Output::Items => {
                let fields = self.query.fields.as_ref();
                tells_items_apart || fields.is_none_or(|fields| fields.want_column(name))
            }
            Output::Ids => tells_items_apart,
            Output::Versions => tells_items_apart || name == stac_schema::UPDATED,
            Output::Assets => tells_items_apart || [stac_schema::ASSETS, stac_schema::JSON_PATCH].contains(&name),
            Output::Keys => tells_items_apart || self.order.columns().any(|column| column == name),
        }
    }

    /// Whether rows come in another order than that of the files.
    #[must_use]
    pub fn sorts(&self) -> bool {
        // Ids are read to be counted.
        !self.order.is_empty() && self.output != Output::Ids
    }

    /// Whether nothing but area and time has to be tested, and all that pass are wanted.
    #[must_use]
    pub fn only_area_or_time(&self) -> bool {
        let query = &self.query;
        let others = query.ids.is_some() || query.collections.is_some() || query.max_items.is_some();
        !others && self.filter.as_ref().is_none_or(|filter| filter.only_area_or_time())
    }
}

/// Checks that the table has the columns by which the query selects, under the names they have in STAC.
///
/// Without one, no row could match: an empty answer would hide that the column was dropped or renamed.
///
/// # Errors
/// [`crate::ErrorKind::Unsupported`] that names the missing column.
fn check_columns(query: &Query, schema: &Schema) -> Result<()> {
    let times: &[&str] = match query.temporal {
        TemporalRule::Datetime => &[stac_schema::DATETIME],
        TemporalRule::Overlap => &[stac_schema::DATETIME, stac_schema::START_DATETIME, stac_schema::END_DATETIME],
    };
    let needs: [(bool, &[&str]); 4] = [
        (query.ids.is_some(), &[stac_schema::ID]),
        (query.collections.is_some(), &[stac_schema::COLLECTION]),
        (query.area.is_some(), &[stac_schema::GEOMETRY]),
        (query.datetime.is_some(), times),
    ];
    for (used, names) in needs {
        if used && names.iter().all(|name| schema.field_by_name(name).is_none()) {
            let names = names.join("`, `");
            return Err(Error::unsupported(format!("the table has no column `{names}` to select by")));
        }
    }
    Ok(())
}

/// Which columns a scan yields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Those from which the wanted members of items are made.
    #[default]
    Items,
    /// Item id and collection id only.
    Ids,
    /// Those, and what tells the assets.
    Assets,
    /// Those, what the order of the answer is made from, and each row's number in its file.
    Keys,
    /// Item id, collection id and `updated`: what tells versions of an item apart.
    Versions,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iceberg::metadata::{Field, PrimitiveType, Type};

    #[test]
    fn a_query_by_a_column_that_the_table_lacks_is_refused_by_its_name() {
        let field = |(id, name): (i32, &str)| {
            let r#type = Type::Primitive(PrimitiveType::String);
            Field { id, name: name.to_owned(), required: false, r#type }
        };
        let schema =
            |names: &[&str]| Schema { schema_id: 0, fields: (1..).zip(names.iter().copied()).map(field).collect() };
        let bare = schema(&["id", "renamed"]);
        assert!(check_columns(&Query::new(), &bare).is_ok());
        assert!(check_columns(&Query::new().ids(["a".to_owned()]), &bare).is_ok());
        let by_time = Query::new().datetime("2021").unwrap();
        assert!(check_columns(&by_time, &bare).unwrap_err().to_string().contains("`datetime`"));
        assert!(check_columns(&by_time, &schema(&["start_datetime"])).is_ok());
        let by_datetime = by_time.temporal(TemporalRule::Datetime);
        assert!(check_columns(&by_datetime, &schema(&["start_datetime"])).is_err());
        let by_area = Query::new().bbox(&[0.0, 0.0, 1.0, 1.0]).unwrap();
        assert!(check_columns(&by_area, &bare).unwrap_err().to_string().contains("`geometry`"));
    }
}
