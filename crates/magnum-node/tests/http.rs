//! The calls as bytes on a socket: paths, headers and bodies, and what the node makes of each answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_node::{
    error::CallError,
    identity,
    machine::Host,
    server::{Http, Server, Signal, metadata},
};
use magnum_types::plan::{Bootstrap, IdentityRequest, RegisterRequest, Report, StepResult, Text};
use serde_json::{Value, json};
use std::time::Duration;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    thread::JoinHandle,
};

/// One request as it arrived.
struct Request {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Request {
    fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line.eq_ignore_ascii_case(header))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Answers one request, then tells what it was.
fn answering(status: &str, body: &str) -> (String, JoinHandle<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let (mut headers, mut length) = (Vec::new(), 0);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let header = header.trim_end().to_owned();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            headers.push(header);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        Request { line: line.trim_end().to_owned(), headers, body: String::from_utf8(body).unwrap() }
    });
    (url, server)
}

fn bootstrap(url: &str) -> Bootstrap {
    serde_json::from_value(json!({
        "magnum_url": format!("{url}/v1"), "cluster": "c", "join_secret": "s",
        "signal_url": format!("{url}/signal"), "signal_token": "heat-token",
    }))
    .unwrap()
}

fn client(url: &str) -> Http {
    Http::new(&bootstrap(url), b"", "test", b"").unwrap()
}

fn token() -> Text {
    Text("node-token".to_owned())
}

#[test]
fn registration_posts_the_request_and_reads_the_answer() {
    let answer = json!({"token": "t", "certificate": "cert", "ca": "ca", "name": "n"}).to_string();
    let (url, server) = answering("201 Created", &answer);
    let request = RegisterRequest {
        cluster: "c".into(),
        instance_id: "i".into(),
        join_secret: "s".into(),
        csr: "csr".into(),
    };
    let response = client(&url).register(&request).unwrap();
    assert_eq!((response.token.as_str(), response.name.as_str()), ("t", "n"));
    let seen = server.join().unwrap();
    assert_eq!(seen.line, "POST /v1/nodes/register HTTP/1.1");
    assert_eq!(seen.json(), json!({"cluster": "c", "instance_id": "i", "join_secret": "s", "csr": "csr"}));
}

#[test]
fn the_plan_is_asked_with_the_token_and_the_last_generation() {
    let (url, server) = answering("200 OK", "{\"generation\": 8, \"steps\": []}");
    let plan = client(&url).plan(&token(), 7, None).unwrap().unwrap();
    assert_eq!(plan["generation"], 8);
    let seen = server.join().unwrap();
    assert_eq!(seen.line, "GET /v1/nodes/plan?after=7 HTTP/1.1");
    assert!(seen.has("Authorization: Bearer node-token"), "{:?}", seen.headers);
    let (url, server) = answering("204 No Content", "");
    assert_eq!(client(&url).plan(&token(), 7, Some(Duration::from_millis(2900))), Ok(None));
    assert_eq!(server.join().unwrap().line, "GET /v1/nodes/plan?after=7&hold=2 HTTP/1.1");
}

#[test]
fn no_content_means_no_plan_yet() {
    let (url, server) = answering("204 No Content", "");
    assert_eq!(client(&url).plan(&token(), 0, None), Ok(None));
    server.join().unwrap();
}

#[test]
fn each_refusal_is_what_it_says() {
    let document = json!({"errors": [{"status": 409, "detail": "not yet a member"}]}).to_string();
    for (status, body, wanted) in [
        ("401 Unauthorized", "{}", CallError::Unauthorized),
        (
            "409 Conflict",
            document.as_str(),
            CallError::Refused { status: 409, text: "not yet a member".into() },
        ),
        ("404 Not Found", "<html>\ngone", CallError::Refused { status: 404, text: "<html>".into() }),
        ("503 Service Unavailable", "", CallError::Unavailable("status 503".into())),
        ("302 Found", "", CallError::Unavailable("status 302".into())),
    ] {
        let (url, server) = answering(status, body);
        assert_eq!(client(&url).plan(&token(), 0, None), Err(wanted), "{status}");
        server.join().unwrap();
    }
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let answer = client("http://127.0.0.1:9").plan(&token(), 0, None);
    assert!(matches!(answer, Err(CallError::Unavailable(_))), "{answer:?}");
}

#[test]
fn an_unreadable_answer_is_unavailable() {
    let (url, server) = answering("200 OK", "not json");
    assert!(matches!(client(&url).plan(&token(), 0, None), Err(CallError::Unavailable(_))));
    server.join().unwrap();
}

#[test]
fn a_report_carries_its_facts() {
    let (url, server) = answering("204 No Content", "");
    let facts = [("engine_version".to_owned(), Text("29".to_owned()))].into();
    let report = Report {
        generation: 3,
        step: "version".into(),
        result: StepResult::Done,
        error: None,
        facts,
        health: None,
    };
    client(&url).report(&token(), &report).unwrap();
    let seen = server.join().unwrap();
    assert_eq!(seen.line, "POST /v1/nodes/report HTTP/1.1");
    assert!(seen.has("Authorization: Bearer node-token"));
    assert_eq!(seen.json()["facts"], json!({"engine_version": "29"}));
    assert_eq!(seen.json()["result"], "done");
}

#[test]
fn a_certificate_is_asked_with_the_token() {
    let answer = json!({"certificate": "pem", "not_after": "2027-01-01T00:00:00Z"}).to_string();
    let (url, server) = answering("201 Created", &answer);
    let request = IdentityRequest { identity: "kubelet".into(), csr: "csr".into() };
    let response = client(&url).certificate(&token(), &request).unwrap();
    assert_eq!((response.certificate.as_str(), response.not_after.as_second()), ("pem", 1_798_761_600));
    let seen = server.join().unwrap();
    assert_eq!(seen.line, "POST /v1/nodes/certificates HTTP/1.1");
    assert!(seen.has("Authorization: Bearer node-token"));
    assert_eq!(seen.json(), json!({"identity": "kubelet", "csr": "csr"}));
}

#[test]
fn a_file_is_fetched_without_the_token() {
    let (url, server) = answering("200 OK", "the program");
    let mut content = String::new();
    let within = std::time::Duration::from_secs(5);
    let agent = client("http://magnum");
    agent.fetch(&format!("{url}/k"), None, within).unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "the program");
    let seen = server.join().unwrap();
    assert_eq!(seen.line, "GET /k HTTP/1.1");
    assert!(!seen.headers.iter().any(|header| header.contains("node-token")), "{:?}", seen.headers);
    let (url, server) = answering("404 Not Found", "no such release");
    let error = agent.fetch(&url, None, within).err().unwrap();
    assert_eq!(error, CallError::Refused { status: 404, text: "no such release".into() });
    server.join().unwrap();
}

#[test]
fn a_file_may_be_somewhere_else() {
    let (elsewhere, there) = answering("200 OK", "the program");
    let (url, here) = answering(&format!("302 Found\r\nLocation: {elsewhere}/moved"), "");
    let mut content = String::new();
    let within = std::time::Duration::from_secs(5);
    client("http://magnum").fetch(&url, None, within).unwrap().read_to_string(&mut content).unwrap();
    here.join().unwrap();
    assert_eq!(
        (content.as_str(), there.join().unwrap().line.as_str()),
        ("the program", "GET /moved HTTP/1.1")
    );
}

#[test]
fn heat_is_signalled_in_its_own_form() {
    let (url, server) = answering("200 OK", "");
    let bootstrap = bootstrap(&url);
    let reason = Signal::Failure("n: step swarm join: no route to host".to_owned());
    client(&url).signal(&bootstrap, "n", &reason).unwrap();
    let seen = server.join().unwrap();
    assert_eq!(seen.line, "POST /signal HTTP/1.1");
    assert!(
        seen.has("X-Auth-Token: heat-token") && seen.has("Content-Type: application/json"),
        "{:?}",
        seen.headers
    );
    let body = seen.json();
    assert_eq!(body["status"], "FAILURE");
    assert_eq!(body["reason"], "n: step swarm join: no route to host");
    assert_eq!(body["id"], "n");
}

#[test]
fn the_instance_id_comes_from_cloud_init_or_else_from_the_metadata_service() {
    let id = "18130d09-750c-4fe5-be21-bd9e6c9b4931";
    let root = std::env::temp_dir().join(format!("magnum-node-identity-{}", std::process::id()));
    let machine = Host::rooted(&root);
    let (url, server) = answering("200 OK", &json!({"uuid": id.to_uppercase(), "name": "n"}).to_string());
    assert_eq!(identity::instance_id(&machine, || metadata(&url)).unwrap(), id);
    assert_eq!(server.join().unwrap().line, "GET / HTTP/1.1");
    assert!(identity::instance_id(&machine, || None).is_err());

    let write = |path: &str, text: &str| {
        let path = root.join(Path::new(path));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("var/lib/cloud/data/instance-id", &format!("{id}\n"));
    assert_eq!(identity::instance_id(&machine, || None).unwrap(), id);
    // An id of EC2's kind is not Nova's.
    write("run/cloud-init/instance-data.json", "{\"v1\": {\"instance_id\": \"i-00000001\"}}");
    assert_eq!(identity::instance_id(&machine, || None).unwrap(), id);
    let other = "00000000-750c-4fe5-be21-bd9e6c9b4931";
    write("run/cloud-init/instance-data.json", &json!({"v1": {"instance_id": other}}).to_string());
    assert_eq!(identity::instance_id(&machine, || None).unwrap(), other);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_file_is_fetched_by_the_proxy_that_is_named_and_calls_to_magnum_are_not() {
    let (proxy, server) = answering("502 Bad Gateway", "");
    let error = client("http://magnum").fetch("http://files.example/k", Some(&proxy), Duration::from_secs(5));
    assert!(error.is_err());
    let line = server.join().unwrap().line;
    assert!(line.contains("files.example"), "{line}");
    let unusable =
        client("http://magnum").fetch("http://files.example/k", Some("gopher://x"), Duration::from_secs(5));
    let error = unusable.err().unwrap().to_string();
    assert!(error.contains("its proxy cannot be used"), "{error}");
}
