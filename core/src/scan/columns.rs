//! Which columns of a Parquet file are which columns of the table.

use std::collections::BTreeMap;

use parquet::schema::types::{SchemaDescriptor, Type};

use crate::iceberg::metadata::{NameMapping, Schema};
use crate::plan::row_group_evaluator::LeafColumns;
use crate::stac::schema as stac_schema;

/// The root columns of one Parquet file that the table's schema knows, by the name they have there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileColumns {
    roots: BTreeMap<String, usize>,
    footprint: Option<[usize; 4]>,
    leaf_of_root: BTreeMap<usize, usize>,
}

impl FileColumns {
    /// Resolves columns by field id where the file has field ids, else by the name mapping, else by name (Iceberg,
    /// "Column Projection").
    pub fn resolve(file: &SchemaDescriptor, schema: &Schema, name_mapping: Option<&NameMapping>) -> Self {
        let fields = file.root_schema().get_fields();
        let has_ids = fields.iter().any(|field| field_id(field).is_some());
        let mut roots = BTreeMap::new();
        for (position, field) in fields.iter().enumerate() {
            let known = match (has_ids, name_mapping) {
                (true, _) => field_id(field).and_then(|id| schema.field_by_id(id)),
                (false, Some(mapping)) => mapping.field_id(&[field.name()]).and_then(|id| schema.field_by_id(id)),
                (false, None) => schema.field_by_name(field.name()),
            };
            if let Some(known) = known.and_then(|known| schema.field_by_name(&known.name)) {
                roots.entry(known.name.clone()).or_insert(position);
            }
        }
        let mut columns = Self { roots, ..Self::default() };
        columns.find_leaves(file);
        columns
    }

    fn find_leaves(&mut self, file: &SchemaDescriptor) {
        let footprint_root = self.root(stac_schema::GEOMETRY_BBOX);
        let mut sides = [None; 4];
        for (leaf, column) in file.columns().iter().enumerate() {
            let root = file.get_column_root_idx(leaf);
            match column.path().parts() {
                [_] if column.max_rep_level() == 0 => {
                    self.leaf_of_root.insert(root, leaf);
                }
                [_, end] if Some(root) == footprint_root => {
                    let side = stac_schema::GEOMETRY_BBOX_FIELDS.iter().position(|name| name == end);
                    if let Some(side) = side.and_then(|side| sides.get_mut(side)) {
                        *side = Some(leaf);
                    }
                }
                _ => {}
            }
        }
        if let [Some(west), Some(south), Some(east), Some(north)] = sides {
            self.footprint = Some([west, south, east, north]);
        }
    }

    /// The position of a column among the file's root columns.
    pub fn root(&self, name: &str) -> Option<usize> {
        self.roots.get(name).copied()
    }

    /// The leaf of a root column that is a single value.
    pub fn leaf_of(&self, root: usize) -> Option<usize> {
        self.leaf_of_root.get(&root).copied()
    }

    /// All known columns: name in the table, position among the file's root columns.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.roots.iter().map(|(name, root)| (name.as_str(), *root))
    }

    /// The leaf columns that decide a query.
    pub fn leaves(&self) -> LeafColumns {
        let leaf = |name| self.leaf_of_root.get(&self.root(name)?).copied();
        LeafColumns {
            id: leaf(stac_schema::ID),
            collection: leaf(stac_schema::COLLECTION),
            geometry: leaf(stac_schema::GEOMETRY),
            datetime: leaf(stac_schema::DATETIME),
            start_datetime: leaf(stac_schema::START_DATETIME),
            end_datetime: leaf(stac_schema::END_DATETIME),
            footprint: self.footprint,
        }
    }
}

fn field_id(field: &Type) -> Option<i32> {
    let info = field.get_basic_info();
    // Some writers store -1 for "none".
    info.has_id().then(|| info.id()).filter(|id| *id >= 0)
}
