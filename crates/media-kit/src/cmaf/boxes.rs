//! A small walker over ISO boxes, and a reader of big-endian fields; both end in an error instead of a panic.

use super::CmafError;

/// One box: its kind and what stands inside.
#[derive(Debug, Clone, Copy)]
pub(super) struct IsoBox<'a> {
    pub kind: [u8; 4],
    pub body: &'a [u8],
}

/// Kind and length of the box at the start of `data`; `None` while the header is incomplete.
///
/// # Errors
/// A length below that of the header. A box "to the end of the file" is refused: nothing of ours writes one.
pub(super) fn header(data: &[u8]) -> Result<Option<([u8; 4], u64, usize)>, CmafError> {
    let (Some(short), Some(kind)) = (array::<4>(data, 0), array::<4>(data, 4)) else {
        return Ok(None);
    };
    let (length, header_length) = match u32::from_be_bytes(short) {
        1 => match array::<8>(data, 8) {
            Some(long) => (u64::from_be_bytes(long), 16),
            None => return Ok(None),
        },
        short => (u64::from(short), 8),
    };
    if length < header_length as u64 {
        return Err(CmafError::Malformed("header"));
    }
    Ok(Some((kind, length, header_length)))
}

/// Every box in `data`, which must be nothing but whole boxes.
pub(super) fn children(mut data: &[u8]) -> Result<Vec<IsoBox<'_>>, CmafError> {
    let mut found = Vec::new();
    while !data.is_empty() {
        let (kind, length, header_length) = header(data)?.ok_or(CmafError::Malformed("header"))?;
        let length = usize::try_from(length).map_err(|_| CmafError::TooLarge(length))?;
        let body = data
            .get(header_length..length)
            .ok_or(CmafError::Malformed("header"))?;
        found.push(IsoBox { kind, body });
        data = &data[length..];
    }
    Ok(found)
}

/// The body of the first child of a kind.
pub(super) fn child<'a>(data: &'a [u8], kind: &'static str) -> Result<&'a [u8], CmafError> {
    children(data)?
        .into_iter()
        .find(|child| child.kind == kind.as_bytes())
        .map(|child| child.body)
        .ok_or(CmafError::Missing(kind))
}

/// Walks down one child per level.
pub(super) fn descend<'a>(data: &'a [u8], path: &[&'static str]) -> Result<&'a [u8], CmafError> {
    path.iter().try_fold(data, |data, kind| child(data, kind))
}

/// Reads fields one after the other.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    data: &'a [u8],
    kind: &'static str,
}

impl<'a> Fields<'a> {
    pub fn new(data: &'a [u8], kind: &'static str) -> Self {
        Self { data, kind }
    }

    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], CmafError> {
        if count > self.data.len() {
            return Err(CmafError::Malformed(self.kind));
        }
        let (taken, rest) = self.data.split_at(count);
        self.data = rest;
        Ok(taken)
    }

    pub fn skip(&mut self, count: usize) -> Result<(), CmafError> {
        self.bytes(count).map(|_| ())
    }

    pub fn u8(&mut self) -> Result<u8, CmafError> {
        Ok(u8::from_be_bytes(self.take()?))
    }

    pub fn u16(&mut self) -> Result<u16, CmafError> {
        Ok(u16::from_be_bytes(self.take()?))
    }

    pub fn u32(&mut self) -> Result<u32, CmafError> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    pub fn u64(&mut self) -> Result<u64, CmafError> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    /// Version and flags of a full box.
    pub fn version_and_flags(&mut self) -> Result<(u8, u32), CmafError> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    pub fn rest(self) -> &'a [u8] {
        self.data
    }

    pub fn remaining(&self) -> usize {
        self.data.len()
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CmafError> {
        let taken = array::<N>(self.data, 0).ok_or(CmafError::Malformed(self.kind))?;
        self.data = &self.data[N..];
        Ok(taken)
    }
}

/// Appends a box; its length is filled in once the body is written.
pub(super) fn write_box(out: &mut Vec<u8>, kind: &[u8; 4], body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(kind);
    body(out);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at + N)?.try_into().ok()
}
