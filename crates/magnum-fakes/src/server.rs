//! The HTTP side: one listener for all services, and connections that can be cut.
//!
//! A cut is made below HTTP: the socket refuses to write the answer, so the caller sees what it sees when a service
//! dies, a connection that ends without a word.

use crate::{
    exchange::{Ask, Reply},
    faults::{Fault, FaultBoard, Verdict},
    state::State,
};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State as Shown, connect_info::Connected},
    http::{Method, StatusCode},
    response::Response,
    serve::{IncomingStream, Listener},
};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The longest request body read; templates with their files are far below.
const MAX_BODY: usize = 32 * 1024 * 1024;
/// Calls kept in the log; older ones are dropped.
const MAX_LOG: usize = 100_000;

/// A call that the cloud received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// The answer's status; `None` when the caller got none.
    pub status: Option<u16>,
}

pub(crate) struct Shared {
    pub state: Mutex<State>,
    pub board: Mutex<FaultBoard>,
    pub log: Mutex<Vec<Call>>,
    /// True from the crash point until it is resumed.
    pub stopped: watch::Sender<bool>,
    /// Counts resumptions: calls that hang wait for the next.
    pub resumed: watch::Sender<u64>,
}

impl Shared {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn board(&self) -> MutexGuard<'_, FaultBoard> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn log(&self) -> MutexGuard<'_, Vec<Call>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, ask: &Ask, path: &str, status: Option<u16>) {
        let mut log = self.log();
        if log.len() >= MAX_LOG {
            log.drain(..MAX_LOG / 2);
        }
        log.push(Call { method: ask.verb().to_owned(), path: path.to_owned(), status });
    }
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

fn is_write(ask: &Ask) -> bool {
    let reads = matches!(ask.method, Method::GET | Method::HEAD);
    let authenticates = ask.method == Method::POST && ask.path == "/identity/v3/auth/tokens";
    !reads && !authenticates
}

async fn answer(
    Shown(shared): Shown<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return Reply::text(413, "the request is too large").into_response("req-none");
    };
    let ask = Ask::new(head.method, &head.uri, head.headers, &body);
    let path = head.uri.path_and_query().map_or_else(|| ask.path.clone(), ToString::to_string);
    // Subscribed before the verdict: a resumption right after it is not missed.
    let mut resumed = shared.resumed.subscribe();
    let verdict = shared.board().judge(&format!("{} {path}", ask.verb()), is_write(&ask));
    tracing::trace!(method = ask.verb(), path, ?verdict, "fake cloud is called");
    let serve = || shared.state().serve(&ask);
    match verdict {
        Verdict::Serve => {
            let reply = serve();
            shared.note(&ask, &path, Some(reply.status));
            let id = shared.state().uuid();
            reply.into_response(&format!("req-{id}"))
        }
        Verdict::Fail(Fault::Status(status, body)) => {
            shared.note(&ask, &path, Some(status));
            Reply::json_or_text(status, &body).into_response("req-fault")
        }
        Verdict::Fail(Fault::Timeout) => {
            shared.note(&ask, &path, None);
            hang(&mut resumed).await;
            wire.cut()
        }
        Verdict::Fail(fault @ (Fault::DropConnection | Fault::ApplyThenDrop)) => {
            if fault == Fault::ApplyThenDrop {
                serve();
            }
            shared.note(&ask, &path, None);
            wire.cut()
        }
        Verdict::Stop { apply } => {
            if apply {
                serve();
            }
            shared.note(&ask, &path, None);
            shared.stopped.send_replace(true);
            hang(&mut resumed).await;
            wire.cut()
        }
    }
}

/// Waits until a test resumes the cloud.
async fn hang(resumed: &mut watch::Receiver<u64>) {
    // An error means that the cloud itself has ended, which ends the wait as well.
    if resumed.changed().await.is_err() {
        tracing::debug!("the fake cloud ended while a call was hanging");
    }
}

/// The switch of a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<AtomicBool>);

impl Wire {
    /// Cuts the connection; the answer is never sent.
    fn cut(&self) -> Response {
        self.0.store(true, Ordering::SeqCst);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    }

    fn check(&self) -> io::Result<()> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().wire.clone()
    }
}

pub(crate) struct CuttableListener(pub TcpListener);

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (CuttableStream { stream, wire: Wire::default() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

pub(crate) struct CuttableStream {
    stream: TcpStream,
    wire: Wire,
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wire.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
