//! Avro's binary encoding, read value by value from a whole buffer ("Binary encoding").

use super::schema::Node;
use crate::{Error, Result};

/// Schema nodes visited per byte that no honest writer exceeds: a null in a union takes a byte and two visits.
const VISITS_PER_BYTE: usize = 16;
const FIRST_VISITS: usize = 4096;

/// A place in a buffer of Avro values.
///
/// Values that take no bytes (null, records of nothing else) could make a short buffer stand for endless work, so
/// skipping counts its steps.
pub struct Cursor<'a> {
    rest: &'a [u8],
    visits: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, visits: bytes.len().saturating_mul(VISITS_PER_BYTE).saturating_add(FIRST_VISITS) }
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] if there are fewer, as for every method here.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A variable-length zig-zag integer.
    ///
    /// # Errors
    /// Also beyond 64 bits.
    #[inline]
    pub fn long(&mut self) -> Result<i64> {
        let mut number = 0_u64;
        for (position, byte) in self.rest.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                if position == 9 && *byte > 1 {
                    break;
                }
                self.rest = self.rest.get(position + 1..).unwrap_or_default();
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(if self.rest.len() < 10 { cut() } else { Error::corrupt("Avro integer beyond 64 bits") })
    }

    /// An integer of 32 bits.
    ///
    /// # Errors
    /// Also beyond 32 bits.
    pub fn int(&mut self) -> Result<i32> {
        i32::try_from(self.long()?).map_err(|_| Error::corrupt("Avro int beyond 32 bits"))
    }

    /// A byte that is 0 or 1.
    ///
    /// # Errors
    /// Also for any other byte.
    pub fn boolean(&mut self) -> Result<bool> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Error::corrupt("Avro boolean is neither 0 nor 1")),
        }
    }

    /// A 32-bit float.
    ///
    /// # Errors
    /// Only at the end.
    pub fn float(&mut self) -> Result<f32> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(f32::from_le_bytes(*bytes))
    }

    /// A 64-bit float.
    ///
    /// # Errors
    /// Only at the end.
    pub fn double(&mut self) -> Result<f64> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    /// Bytes led by their count.
    ///
    /// # Errors
    /// Also for a negative count.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.long()?).map_err(|_| Error::corrupt("Avro bytes of negative length"))?;
        self.take(length)
    }

    /// Text led by its count of bytes.
    ///
    /// # Errors
    /// Also for bytes that are not UTF-8.
    pub fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|error| Error::corrupt("Avro string is not UTF-8").caused_by(error))
    }

    /// How many items the next block of an array or map holds; `None` after the last.
    ///
    /// # Errors
    /// Also for more items than bytes are left: no array read here has items without bytes.
    pub fn array_block(&mut self) -> Result<Option<usize>> {
        let (count, _) = self.block_head()?;
        if count > self.rest.len() as u64 {
            return Err(cut());
        }
        Ok(usize::try_from(count).ok().filter(|count| *count > 0))
    }

    /// Follows a union to the branch that is there; any other node is its own branch.
    ///
    /// # Errors
    /// Also for a branch the union does not have.
    #[inline]
    pub fn branch<'n>(&mut self, node: &'n Node) -> Result<&'n Node> {
        let Node::Union(branches) = node else {
            return Ok(node);
        };
        let position = usize::try_from(self.long()?).ok();
        let branch = position.and_then(|position| branches.get(position));
        branch.map(AsRef::as_ref).ok_or_else(|| Error::corrupt("Avro union has no such branch"))
    }

    /// An integer of either width, or null.
    ///
    /// # Errors
    /// Also if the schema says something else is there.
    pub fn optional_long(&mut self, node: &Node) -> Result<Option<i64>> {
        match self.branch(node)? {
            Node::Null => Ok(None),
            Node::Int | Node::Long => self.long().map(Some),
            other => Err(unexpected(other, "an integer")),
        }
    }

    /// A boolean or null.
    ///
    /// # Errors
    /// Also if the schema says something else is there.
    pub fn optional_boolean(&mut self, node: &Node) -> Result<Option<bool>> {
        match self.branch(node)? {
            Node::Null => Ok(None),
            Node::Boolean => self.boolean().map(Some),
            other => Err(unexpected(other, "a boolean")),
        }
    }

    /// Bytes, of fixed length or not, the bytes of text, or null.
    ///
    /// # Errors
    /// Also if the schema says something else is there.
    pub fn optional_bytes(&mut self, node: &Node) -> Result<Option<&'a [u8]>> {
        match self.branch(node)? {
            Node::Null => Ok(None),
            Node::Bytes | Node::String => self.bytes().map(Some),
            Node::Fixed(length) => self.take(*length).map(Some),
            other => Err(unexpected(other, "bytes")),
        }
    }

    /// Text or null.
    ///
    /// # Errors
    /// Also for bytes that are not UTF-8, or if the schema says something else is there.
    pub fn optional_text(&mut self, node: &Node) -> Result<Option<&'a str>> {
        let text = self.optional_bytes(node)?.map(std::str::from_utf8).transpose();
        text.map_err(|error| Error::corrupt("Avro string is not UTF-8").caused_by(error))
    }

    /// Skips a value.
    ///
    /// # Errors
    /// Also for a value that stands for more work than its bytes can warrant.
    pub fn skip(&mut self, node: &Node) -> Result<()> {
        self.visits = self.visits.checked_sub(1).ok_or_else(|| Error::corrupt("Avro value is too complex"))?;
        match node {
            Node::Null => Ok(()),
            Node::Boolean => self.take(1).map(drop),
            Node::Int | Node::Long | Node::Enum => self.long().map(drop),
            Node::Float => self.take(4).map(drop),
            Node::Double => self.take(8).map(drop),
            Node::Bytes | Node::String => self.bytes().map(drop),
            Node::Fixed(length) => self.take(*length).map(drop),
            Node::Record(fields) => fields.iter().try_for_each(|field| self.skip(&field.node)),
            Node::Union(_) => {
                let branch = self.branch(node)?;
                self.skip(branch)
            }
            Node::Array(item) => self.skip_blocks(|cursor| cursor.skip(item)),
            Node::Map(value) => self.skip_blocks(|cursor| {
                cursor.bytes()?;
                cursor.skip(value)
            }),
        }
    }

    fn skip_blocks(&mut self, mut skip_item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        loop {
            let (count, size) = self.block_head()?;
            match (count, size) {
                (0, _) => return Ok(()),
                (_, Some(size)) => self.take(size).map(drop)?,
                (count, None) => {
                    for _ in 0..count {
                        skip_item(self)?;
                    }
                }
            }
        }
    }

    /// The count of a block's items; if it is stored as negative, the block's size in bytes follows.
    fn block_head(&mut self) -> Result<(u64, Option<usize>)> {
        let count = self.long()?;
        let size = if count < 0 {
            Some(usize::try_from(self.long()?).map_err(|_| Error::corrupt("Avro block of negative size"))?)
        } else {
            None
        };
        Ok((count.unsigned_abs(), size))
    }
}

fn cut() -> Error {
    Error::corrupt("Avro data ends in the middle of a value")
}

pub(crate) fn unexpected(node: &Node, wanted: &str) -> Error {
    Error::corrupt(format!("Avro schema has {} where {wanted} is expected", node.kind()))
}
