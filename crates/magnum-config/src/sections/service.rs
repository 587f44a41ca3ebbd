//! The processes themselves: general options, the REST server, the conductor, quotas.

use crate::option::section;

section! {
    /// `[DEFAULT]`: what holds for every process.
    DefaultSection {
        /// Name of this machine in the list of services; unset means its host name. Must differ between machines.
        host: String;
        /// Directory of the service's state, used by other options as `$state_path`.
        state_path: String = "$pybasedir";
        /// Directory for temporary files; unset means the system's.
        tempdir: Option<String>;
        /// Whether the conductor looks after running clusters (status, health, left-overs) by itself.
        periodic_enable: bool = "true";
        /// Longest pause between two such looks, in seconds.
        periodic_interval_max: u64 = "60", at_least(1);
        /// Seconds without a sign of life after which a conductor is shown as down.
        service_down_time: u64 = "180", at_least(1);
        /// Alphabets of generated passwords; one character at least is taken from each.
        password_symbols: Vec<String> = "23456789,ABCDEFGHJKLMNPQRSTUVWXYZ,abcdefghijkmnopqrstuvwxyz";
        /// Largest manifest accepted from a user, in bytes.
        max_manifest_size: u64 = "524288", at_least(1);
        /// Seconds that running requests and steps get to end when the process is asked to stop; 0 waits for ever.
        graceful_shutdown_timeout: u64 = "60";
    }
    ignored "only named by the defaults of other options; the programs find their files without it" {
        pybasedir: String = "/var/lib/magnum";
        bindir: String = "$pybasedir/bin";
    }
    ignored "no command is run with raised rights" {
        rootwrap_config: String = "/etc/magnum/rootwrap.conf";
    }
    ignored "belongs to the Python service's process model" {
        backdoor_port: Option<String>;
        backdoor_socket: Option<String>;
        log_options: bool = "true";
        run_external_periodic_tasks: bool = "true";
        wsgi_log_format: Option<String>;
        wsgi_default_pool_size: i64 = "100";
        wsgi_keep_alive: bool = "true";
        wsgi_server_debug: bool = "false";
        tcp_keepidle: i64 = "600";
        max_header_line: i64 = "16384";
        client_socket_timeout: i64 = "900";
        api_paste_config: Option<String>;
    }
}

section! {
    /// `[api]`: the REST server.
    Api {
        /// TCP port to listen on.
        port: u16 = "9511";
        /// Address to listen on.
        host: String = "127.0.0.1";
        /// Most items on one page of a list.
        max_limit: u64 = "1000", at_least(1);
        /// Whether the server speaks TLS itself, with the certificate and key below.
        enabled_ssl: bool = "false";
        /// File of the server's certificate chain, PEM.
        ssl_cert_file: Option<String>;
        /// File of the certificate's private key, PEM.
        ssl_key_file: Option<String>;
        /// Threads that serve requests; unset or 0 means one for each processor.
        workers: Option<u32>;
        /// Highest microversion offered to clients.
        max_microversion: String = "1.14", ours();
        /// URL by which nodes of clusters reach this API; unset means the public endpoint in the service catalogue.
        node_url: Option<String>, ours();
    }
    ignored "the order of the server's layers is built in" {
        api_paste_config: String = "api-paste.ini";
    }
}

section! {
    /// `[conductor]`: the process that does the work.
    Conductor {
        /// Queue on which the conductors are told of new work.
        topic: String = "magnum-conductor";
        /// Threads of the conductor; unset or 0 means one for each processor.
        workers: Option<u32>;
        /// Seconds after which another conductor may take over the operation of one that no longer renews its claim.
        lease_seconds: u64 = "60", at_least(5), ours();
        /// Seconds between two looks into the database for work that no message announced.
        poll_interval: u64 = "1", at_least(1), ours();
        /// Most operations that one conductor drives at the same time.
        max_concurrent_operations: u32 = "64", at_least(1), ours();
        /// Whether `api_address` of complete clusters is asked each `[kubernetes] health_polling_interval` whether it
        /// answers, for `health_status`: a TCP connection and a TLS handshake, no more.
        reach_clusters: bool = "true", ours();
        /// Networks (`ADDRESS/PREFIX`) at which no cluster is asked, such as the control plane's own.
        reach_refused_networks: Vec<String>, ours();
        /// Networks at which clusters are asked although their addresses are loopback, link-local (the metadata
        /// service's among them) or multicast, which are refused otherwise.
        reach_allowed_networks: Vec<String>, ours();
    }
    ignored "conductors are not called and waited for, so they are not probed either" {
        conductor_life_check_timeout: i64 = "4", releases("P, Z");
    }
}

section! {
    /// `[quotas]`: limits of projects that have none of their own.
    Quotas {
        /// Most clusters of one project; -1 means no limit.
        max_clusters_per_project: i64 = "20", at_least(-1), mutable();
    }
}
