//! The running process: identity, the local cloud, the API and the conductor, behind one port.

use super::{
    NODE_NAME, SEALING_KEY, arguments::Serve, certificates, configuration, doors, engine, identity, image,
    installation, place::Place, variable, welcome,
};
use crate::{api, arguments::print, conductor, drivers, foundation::Foundation, logging, process};
use anyhow::{Context, Result, anyhow};
use magnum_api::{ApiSettings, AppState, server};
use magnum_drivers::Registry;
use magnum_local::{
    cloud::{LocalCloud, LocalSettings},
    engine::Engine,
    machines::Machines as _,
};
use magnum_types::{Clock, Entropy, SystemClock, SystemEntropy};
use std::{collections::BTreeSet, ffi::OsString, net::IpAddr, sync::Arc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

const PROGRAM: &str = "magnum-standalone";

/// Told where nodes have nothing to start from.
const NO_IMAGE: &str = "there is no node image yet, and no cluster without one: magnum standalone image";

/// Serves until SIGTERM or SIGINT. Clusters go on without this process, and are taken up at the next start.
///
/// # Errors
/// Whatever hinders the start, with the remedy; afterwards, the first part that ends by itself.
pub async fn serve(arguments: Serve) -> Result<()> {
    let stop = process::stop_signal()?;
    let place = Place::find(arguments.at.data.clone(), variable)?;
    welcome::check(&arguments.at)?;
    let before = if place.is_fresh()? { Some(place.entries()?) } else { None };
    let _claim = place.claim().map_err(|error| place.remedied(error))?;
    match prepare(&arguments, &place, &stop).await {
        Ok(ready) => ready.run(stop).await.map_err(|error| place.remedied(error)),
        Err(error) => {
            let error = place.remedied(error);
            // Who cannot start leaves nothing half-made.
            match before.map(|before| forget(&arguments, &place, before)) {
                None | Some(Ok(())) => Err(error),
                Some(Err(left)) => Err(anyhow!("{error:#}; what was begun is left there: {left:#}")),
            }
        }
    }
}

/// Takes away what a first start began. What was there `before` stays, and what the making of an image has there, which may
/// be at work meanwhile.
fn forget(arguments: &Serve, place: &Place, before: BTreeSet<OsString>) -> Result<()> {
    let entries = match installation(place)? {
        Some(_) => welcome::forget(&arguments.at, place),
        None => Ok(()),
    };
    let kept = before.into_iter().chain(image::OWN_FILES.map(OsString::from)).collect();
    // Both, whatever becomes of the first.
    let files = place.keep_only(&kept);
    entries.and(files)
}

/// Everything that is needed, in the order in which it needs each other; nothing works yet.
async fn prepare(arguments: &Serve, place: &Place, stop: &CancellationToken) -> Result<Ready> {
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
        (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let (engine, listener) = ground(arguments, place, &*entropy).await?;
    certificates::ensure(place, arguments.listen, clock.now()).context("this installation's certificates")?;
    sealing_key(place, &*entropy)?;
    let base_url = base_url(arguments.listen, arguments.port);
    let people = identity::open(place, &base_url, clock.clone(), entropy.clone()).await?;
    let (config, warnings) = configuration::load(
        place,
        &configuration::Values {
            listen: arguments.listen,
            port: arguments.port,
            service_password: people.service_password,
            domain_admin_password: people.domain_admin_password,
            debug: arguments.debug,
        },
    )?;
    logging::start(&config, PROGRAM, &warnings)?;
    identity::reload_signal(people.identity.clone())?;

    let mut foundation = Foundation::lay(config, PROGRAM, stop).await?;
    foundation.registry = Registry::local(&drivers::registry(&foundation.config)?);
    foundation.store.upgrade(None).await.context("the database's tables")?;
    let state = api::state(&foundation, &[place.root().to_owned()], stop).await?;
    let cloud = LocalCloud::open(
        LocalSettings {
            directory: place.path("cloud"),
            base_url: base_url.clone(),
            node_url: format!("https://{NODE_NAME}:{}", arguments.port),
            gateway_names: vec![NODE_NAME.to_owned()],
        },
        engine.clone(),
        identity::tokens(people.identity.clone()),
        clock,
        entropy,
    )
    .await
    .context("the local cloud")?;
    sweep(&engine, &cloud).await;
    let hint = lacks_images(&engine).await.then_some(NO_IMAGE);
    let (path, names) =
        welcome::entries(&arguments.at, place, &people.identity, &format!("{base_url}/identity/v3")).await?;
    let welcome = format!(
        "serving {base_url}; {} has the clouds {}: export OS_CLOUD={}",
        path.display(),
        names.join(" and "),
        names.first().map(String::as_str).unwrap_or_default()
    );
    let welcome = [Some(welcome.as_str()), hint].into_iter().flatten().collect::<Vec<_>>().join("\n");
    Ok(Ready { welcome, foundation, state, cloud, identity: people.identity, listener })
}

/// Takes away what a process that was killed, or a person, left behind of stacks that are no more. What cannot be removed
/// now is no reason not to serve: the next start tries again.
async fn sweep(engine: &Engine, cloud: &LocalCloud) {
    match engine.sweep(&cloud.stacks().await).await {
        Ok(swept) => {
            for stack in swept {
                warn!(%stack, "what was left of a stack that is no more is taken away");
            }
        }
        Err(error) => warn!(%error, "what was left of stacks that are no more cannot be taken away"),
    }
}

/// Whether nodes have nothing to start from. Not to know is no reason not to serve.
async fn lacks_images(engine: &Engine) -> bool {
    match engine.images().await {
        Ok(images) => images.is_empty(),
        Err(error) => {
            warn!(%error, "the node images cannot be listed");
            false
        }
    }
}

/// What others may keep from us: the engine, and the port.
async fn ground(
    arguments: &Serve,
    place: &Place,
    entropy: &dyn Entropy,
) -> Result<(Arc<Engine>, std::net::TcpListener)> {
    let engine = engine(&arguments.at, place, entropy).await?;
    let here =
        ApiSettings { host: arguments.listen.to_string(), port: arguments.port, ..ApiSettings::default() };
    let listener = server::listen(&here).await.with_context(|| {
        format!("the port {} is not to be had: stop what has it, or give --port another one", arguments.port)
    })?;
    Ok((Arc::new(engine), listener))
}

/// What has started and works when it is [run](Ready::run).
struct Ready {
    /// What its user is told.
    welcome: String,
    foundation: Foundation,
    state: AppState,
    cloud: LocalCloud,
    identity: magnum_identity::Identity,
    listener: std::net::TcpListener,
}

impl Ready {
    /// Runs all parts until `stop`, or until one of them ends, which stops the others.
    async fn run(self, stop: CancellationToken) -> Result<()> {
        let Self { welcome, foundation, state, cloud, identity, listener } = self;
        print(&welcome)?;
        let settings: Arc<ApiSettings> = state.settings.clone();
        let nodes = cloud.node_router().fallback_service(magnum_api::node_app(state.clone()));
        let everything = cloud
            .router()
            .nest_service("/identity", identity.router())
            .fallback_service(magnum_api::app(state));
        let mut parts: JoinSet<Result<()>> = JoinSet::new();
        let doors = doors::keep(cloud.gateways(), stop.clone(), {
            let settings = settings.clone();
            move |address: IpAddr, stop| doors::serve(address, nodes.clone(), settings.clone(), stop)
        });
        parts.spawn(async {
            doors.await;
            Ok(())
        });
        parts.spawn({
            let stop = stop.clone();
            async move {
                cloud.run(stop).await;
                Ok(())
            }
        });
        parts.spawn({
            let stop = stop.clone();
            async move { conductor::conduct(&foundation, stop).await }
        });
        let signals = server::Signals { stop: stop.clone(), ..server::Signals::default() };
        parts.spawn(async move { Ok(server::serve_app(listener, everything, &settings, signals).await?) });
        let mut first = Ok(());
        while let Some(ended) = parts.join_next().await {
            let ended = ended.context("a part of the process ended by a fault").and_then(|ended| ended);
            if first.is_ok() {
                first = ended;
            }
            stop.cancel();
        }
        first
    }
}

fn base_url(listen: IpAddr, port: u16) -> String {
    let host = match listen {
        address if address.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(address) => format!("[{address}]"),
        IpAddr::V4(address) => address.to_string(),
    };
    format!("https://{host}:{port}")
}

/// The key that seals secrets in the database, drawn at the first start.
fn sealing_key(place: &Place, entropy: &dyn Entropy) -> Result<()> {
    if place.read(SEALING_KEY)?.is_some() {
        return Ok(());
    }
    place.write(SEALING_KEY, &format!("{}{}", entropy.uuid().simple(), entropy.uuid().simple()))
}
