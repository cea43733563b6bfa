//! Rows as Arrow IPC, with the columns of the catalog.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::catalog::Catalog;
use crate::query::Fields;
use crate::stac::arrow::{conform, table_schema};
use crate::{Error, Result};

/// Writes batches under the one schema of the table.
pub(super) struct ArrowRows {
    schema: SchemaRef,
    writer: Writer,
}

enum Writer {
    Stream(StreamWriter<Vec<u8>>),
    File(FileWriter<Vec<u8>>),
}

impl fmt::Debug for ArrowRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArrowRows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl ArrowRows {
    /// A stream of the wanted columns.
    pub(super) fn stream(catalog: &Catalog, fields: Option<&Fields>) -> Result<Self> {
        let schema = wanted_schema(catalog, fields)?;
        let writer = Writer::Stream(StreamWriter::try_new(Vec::new(), &schema).map_err(unwritable)?);
        Ok(Self { schema, writer })
    }

    /// A file of the wanted columns.
    pub(super) fn file(catalog: &Catalog, fields: Option<&Fields>) -> Result<Self> {
        let schema = wanted_schema(catalog, fields)?;
        let writer = Writer::File(FileWriter::try_new(Vec::new(), &schema).map_err(unwritable)?);
        Ok(Self { schema, writer })
    }

    /// Appends rows.
    pub(super) fn push(&mut self, rows: &RecordBatch) -> Result<()> {
        let rows = conform(rows, &self.schema)?;
        match &mut self.writer {
            Writer::Stream(writer) => writer.write(&rows),
            Writer::File(writer) => writer.write(&rows),
        }
        .map_err(unwritable)
    }

    /// Writes the end.
    pub(super) fn finish(&mut self) -> Result<()> {
        match &mut self.writer {
            Writer::Stream(writer) => writer.finish(),
            Writer::File(writer) => writer.finish(),
        }
        .map_err(unwritable)
    }

    /// How many bytes can be taken.
    pub(super) fn len(&self) -> usize {
        match &self.writer {
            Writer::Stream(writer) => writer.get_ref().len(),
            Writer::File(writer) => writer.get_ref().len(),
        }
    }

    /// The bytes that were written since they were last taken.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(match &mut self.writer {
            Writer::Stream(writer) => writer.get_mut(),
            Writer::File(writer) => writer.get_mut(),
        })
    }
}

fn wanted_schema(catalog: &Catalog, fields: Option<&Fields>) -> Result<SchemaRef> {
    let schema = table_schema(catalog.metadata().schema())?;
    let wanted = schema.fields().iter().filter(|field| fields.is_none_or(|fields| fields.want_column(field.name())));
    Ok(Arc::new(Schema::new(wanted.cloned().collect::<Vec<_>>())))
}

fn unwritable(error: ArrowError) -> Error {
    Error::internal("rows cannot be written as Arrow").caused_by(error)
}
