use crate::app::App;
use magnum_api::{
    ApiSettings, ServeError, TlsFiles,
    server::{Signals, listen, serve_on},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

async fn start(settings: ApiSettings) -> (SocketAddr, CancellationToken, JoinHandle<Result<(), ServeError>>) {
    let app = App::start().await;
    let listener = listen(&settings).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut state = app.state.clone();
    state.settings = Arc::new(settings);
    let signals = Signals { stop: app.stop.clone(), ..Signals::default() };
    (address, app.stop.clone(), tokio::spawn(serve_on(listener, state, signals)))
}

fn settings() -> ApiSettings {
    ApiSettings { port: 0, ..ApiSettings::default() }
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an end").unwrap();
    answer
}

#[tokio::test]
async fn requests_are_served_until_the_stop() {
    let (address, stop, server) = start(settings()).await;
    let answer = ask(address, "GET /v1/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stop.cancel();
    timeout(PATIENCE, server).await.expect("it stops").unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_client_that_sends_no_headers_is_dropped() {
    let (address, stop, server) =
        start(ApiSettings { header_timeout: Duration::from_millis(200), ..settings() }).await;
    let answer = ask(address, "GET /v1/ HTTP/1.1\r\nHost: h\r\n").await;
    assert!(!answer.contains("200 OK"), "{answer}");
    stop.cancel();
    timeout(PATIENCE, server).await.expect("it stops").unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let (address, stop, server) = start(settings()).await;
    let error = listen(&ApiSettings { port: address.port(), ..settings() }).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on 127.0.0.1:{}", address.port()));
    stop.cancel();
    timeout(PATIENCE, server).await.expect("it stops").unwrap().unwrap();
}

#[tokio::test]
async fn a_missing_certificate_is_named() {
    let files = TlsFiles { certificate: "/nowhere/api.crt".into(), key: "/nowhere/api.key".into() };
    let (_, _stop, server) = start(ApiSettings { tls: Some(files), ..settings() }).await;
    let error = timeout(PATIENCE, server).await.expect("it ends").unwrap().unwrap_err();
    assert!(error.to_string().contains("/nowhere/api.crt"), "{error}");
}
