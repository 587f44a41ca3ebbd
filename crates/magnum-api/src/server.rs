//! Listening: HTTPS or HTTP, a time-out on headers, certificates taken up again when their files change or when the
//! process is told to, and a stop that lets running requests end within a deadline.

use crate::{
    router,
    settings::{ApiSettings, TlsFiles},
    state::AppState,
};
use axum::Router;
use axum_server::{Handle, Server, tls_rustls::RustlsConfig};
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often the certificate files are looked at.
const CERTIFICATE_POLL: Duration = Duration::from_secs(30);
/// Requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port}")]
    Bind {
        /// `[api] host`.
        host: String,
        /// `[api] port`.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The certificate or key cannot be used.
    #[error("cannot use the TLS certificate {} with the key {}", certificate.display(), key.display())]
    Tls {
        /// `[api] ssl_cert_file`.
        certificate: PathBuf,
        /// `[api] ssl_key_file`.
        key: PathBuf,
        /// What is wrong with them.
        #[source]
        source: io::Error,
    },
    /// Accepting connections failed for good.
    #[error("the server stopped")]
    Stopped(#[source] io::Error),
}

/// What a running server is told from outside.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Cancelled: stop.
    pub stop: CancellationToken,
    /// Notified: look at the certificate files now.
    pub reload: Arc<Notify>,
}

/// Serves the API until it is told to stop and running requests have ended, or their deadline is over. HTTPS needs a
/// process-wide rustls provider, which the binary installs.
pub async fn serve(state: AppState, signals: Signals) -> Result<(), ServeError> {
    let listener = listen(&state.settings).await?;
    serve_on(listener, state, signals).await
}

/// Opens the socket that the settings name. Two steps let a caller learn the port that the system chose.
pub async fn listen(settings: &ApiSettings) -> Result<std::net::TcpListener, ServeError> {
    let failed = |source| ServeError::Bind { host: settings.host.clone(), port: settings.port, source };
    let host = settings.host.trim_start_matches('[').trim_end_matches(']');
    let listener = tokio::net::TcpListener::bind((host, settings.port)).await.map_err(failed)?;
    listener.into_std().map_err(failed)
}

/// [`serve`] on an open socket.
pub async fn serve_on(
    listener: std::net::TcpListener,
    state: AppState,
    signals: Signals,
) -> Result<(), ServeError> {
    let settings = state.settings.clone();
    serve_app(listener, router::app(state), &settings, signals).await
}

/// Routes with their handlers and layers; services of other crates are put beside ours in one.
pub type App = Router;

/// Serves `app`, which is the API with other services of the process beside it, or a part of it, in the same way.
pub async fn serve_app(
    listener: std::net::TcpListener,
    app: App,
    settings: &ApiSettings,
    signals: Signals,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Stopped)?;
    let app = app.into_make_service();
    let handle = Handle::new();
    let ended = CancellationToken::new();
    let guard = ended.clone().drop_guard();
    tokio::spawn(stop_when_asked(handle.clone(), signals.stop, ended.clone(), settings.stop_deadline));
    match &settings.tls {
        None => {
            tracing::info!(%address, "serving HTTP");
            let mut server = axum_server::from_tcp(listener).map_err(ServeError::Stopped)?.handle(handle);
            limit(&mut server, settings);
            server.serve(app).await.map_err(ServeError::Stopped)?;
        }
        Some(files) => {
            let config = RustlsConfig::from_pem_file(&files.certificate, &files.key)
                .await
                .map_err(|source| tls_error(files, source))?;
            tokio::spawn(reload_when_changed(config.clone(), files.clone(), signals.reload, ended));
            tracing::info!(%address, "serving HTTPS");
            let mut server =
                axum_server::from_tcp_rustls(listener, config).map_err(ServeError::Stopped)?.handle(handle);
            limit(&mut server, settings);
            server.serve(app).await.map_err(ServeError::Stopped)?;
        }
    }
    drop(guard);
    tracing::info!(%address, "stopped serving");
    Ok(())
}

fn limit<A>(server: &mut Server<SocketAddr, A>, settings: &ApiSettings) {
    let builder = server.http_builder();
    builder.http1().header_read_timeout(Some(settings.header_timeout));
    builder.http2().max_concurrent_streams(MAX_STREAMS);
}

async fn stop_when_asked(
    handle: Handle<SocketAddr>,
    shutdown: CancellationToken,
    ended: CancellationToken,
    deadline: Duration,
) {
    tokio::select! {
        () = shutdown.cancelled() => handle.graceful_shutdown(Some(deadline)),
        () = ended.cancelled() => {}
    }
}

fn tls_error(files: &TlsFiles, source: io::Error) -> ServeError {
    ServeError::Tls { certificate: files.certificate.clone(), key: files.key.clone(), source }
}

/// Takes new certificates up; files that do not fit together (half replaced, say) are tried again at the next look.
async fn reload_when_changed(
    config: RustlsConfig,
    files: TlsFiles,
    reload: Arc<Notify>,
    ended: CancellationToken,
) {
    let mut known = changed_at(&files).await;
    loop {
        let told = tokio::select! {
            () = tokio::time::sleep(CERTIFICATE_POLL) => false,
            () = reload.notified() => true,
            () = ended.cancelled() => return,
        };
        let present = changed_at(&files).await;
        if present == known && !told {
            continue;
        }
        match config.reload_from_pem_file(&files.certificate, &files.key).await {
            Ok(()) => {
                known = present;
                tracing::info!(certificate = %files.certificate.display(), "TLS certificate taken up again");
            }
            Err(error) => {
                tracing::warn!(certificate = %files.certificate.display(), %error, "new TLS certificate is unusable");
            }
        }
    }
}

async fn changed_at(files: &TlsFiles) -> [Option<std::time::SystemTime>; 2] {
    let at = async |path| tokio::fs::metadata(path).await.and_then(|metadata| metadata.modified()).ok();
    [at(&files.certificate).await, at(&files.key).await]
}
