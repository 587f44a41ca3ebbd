//! The node program, served to nodes that know its SHA-256. It is no secret: the hash in the path keeps a node that
//! was told of another version from running this one.

use crate::{error::Answer, state::AppState};
use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use magnum_types::ServiceError;
use magnum_x509::token::sha256_hex;
use std::{io, path};

/// Larger files are no node program.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// The program, read once at start.
#[derive(Clone)]
pub struct NodeProgram {
    bytes: Bytes,
    sha256: String,
}

impl NodeProgram {
    /// Reads the program and computes its hash.
    pub async fn load(file: &path::Path) -> io::Result<Self> {
        let size = tokio::fs::metadata(file).await?.len();
        if size > MAX_BYTES {
            return Err(io::Error::other(format!("{} has more than {MAX_BYTES} bytes", file.display())));
        }
        Ok(Self::of(tokio::fs::read(file).await?.into()))
    }

    /// A program that is in memory already.
    pub fn of(bytes: Bytes) -> Self {
        let sha256 = sha256_hex(&bytes);
        Self { bytes, sha256 }
    }

    /// SHA-256, 64 lower-case hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// `GET /v1/nodes/program/{sha256}`
pub async fn show(State(state): State<AppState>, Path(sha256): Path<String>, headers: HeaderMap) -> Answer {
    let program = state.program.as_ref().filter(|program| program.sha256.eq_ignore_ascii_case(&sha256));
    let program =
        program.ok_or_else(|| ServiceError::not_found("There is no node program with this SHA-256"))?;
    let tag = format!("\"{}\"", program.sha256);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let headers = [(header::ETAG, tag), (header::CONTENT_TYPE, "application/octet-stream".to_owned())];
    Ok((headers, program.bytes.clone()).into_response())
}
