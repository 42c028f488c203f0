//! Makes connections, and looks whether attempts can be counted there.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult, TlsCertificates, TlsMode, Value,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::super::settings::{RedisAddress, RedisMode, RedisSettings};
use super::super::trouble::Trouble;

/// A connection, to a server or to all of a cluster. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Wire {
    Cluster(ClusterConnection),
    Server(MultiplexedConnection),
}

impl Wire {
    pub(in super::super) async fn send(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Cluster(connection) => cmd.query_async(connection).await,
            Self::Server(connection) => cmd.query_async(connection).await,
        }
    }

    /// Asks every master.
    pub(in super::super) async fn send_to_masters(&mut self, cmd: &Cmd) -> RedisResult<Vec<Value>> {
        match self {
            Self::Server(connection) => Ok(vec![cmd.query_async(connection).await?]),
            Self::Cluster(connection) => {
                let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                let answers = connection.route_command(cmd.clone(), all).await?;
                let Value::Map(answers) = answers else { return Ok(vec![answers]) };
                Ok(answers.into_iter().map(|(_, answer)| answer).collect())
            }
        }
    }
}

/// Knows where Redis is.
pub(crate) struct Connector {
    to: To,
    connect_timeout: Duration,
    timeout: Duration,
}

enum To {
    Cluster(ClusterClient, Vec<Client>),
    Master(Mutex<SentinelClient>),
    Server(Client),
}

impl Connector {
    pub(in super::super) fn new(settings: &RedisSettings) -> Result<Self, Trouble> {
        let built = match settings.mode {
            RedisMode::Cluster => cluster(settings),
            RedisMode::Sentinel => sentinel(settings).map(|client| To::Master(Mutex::new(client))),
            RedisMode::Standalone => first(settings)
                .and_then(|one| client(settings, one))
                .map(To::Server),
        };
        let to = built.map_err(|error| Trouble::Misfit(format!("Redis: {error}")))?;
        let RedisSettings { connect_timeout, timeout, .. } = *settings;
        Ok(Self { to, connect_timeout, timeout })
    }

    /// A connection whose server answered, and may be used.
    pub(super) async fn connect(&self) -> Result<Wire, Trouble> {
        let all = self.connect_timeout + self.timeout;
        let connected = timeout(all, self.wire()).await;
        let mut wire = connected.map_err(|_| Trouble::Slow(all))??;
        let info = timeout(self.timeout, wire.send_to_masters(&redis::cmd("INFO"))).await;
        let infos = info.map_err(|_| Trouble::Slow(self.timeout))??;
        infos.iter().try_for_each(|info| self.check(info))?;
        Ok(wire)
    }

    async fn wire(&self) -> RedisResult<Wire> {
        match &self.to {
            To::Cluster(client, _) => Ok(Wire::Cluster(client.get_async_connection().await?)),
            To::Server(client) => Ok(Wire::Server(self.multiplexed(client).await?)),
            To::Master(client) => {
                let master = client.lock().await.async_get_client().await?;
                Ok(Wire::Server(self.multiplexed(&master).await?))
            }
        }
    }

    async fn multiplexed(&self, client: &Client) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.timeout));
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// A connection of its own to hear messages on: of a cluster, to any node.
    pub(in super::super) async fn listener(&self) -> Result<redis::aio::PubSub, Trouble> {
        let listen = async {
            match &self.to {
                To::Server(client) => client.get_async_pubsub().await,
                To::Master(client) => {
                    let master = client.lock().await.async_get_client().await?;
                    master.get_async_pubsub().await
                }
                To::Cluster(_, nodes) => any_node(nodes).await,
            }
        };
        let listener = timeout(self.connect_timeout + self.timeout, listen).await;
        Ok(listener.map_err(|_| Trouble::Slow(self.timeout))??)
    }

    /// Whether attempts can be counted by who says this of itself.
    fn check(&self, info: &Value) -> Result<(), Trouble> {
        let text: String = redis::from_redis_value(info.clone())
            .map_err(|error| Trouble::Misfit(format!("Redis: {error}")))?;
        let told = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(key, _)| *key == name)
                .map_or("", |(_, value)| value.trim())
        };
        let in_cluster = told("redis_mode") == "cluster";
        let meant = matches!(self.to, To::Cluster(..));
        let misfit = match (told("redis_mode"), told("role"), told("maxmemory_policy")) {
            ("sentinel", ..) => {
                "this is a sentinel, which counts nothing: set `redis.mode` to \"sentinel\""
            }
            _ if in_cluster != meant && in_cluster => {
                "this server is one of a cluster: set `redis.mode` to \"cluster\""
            }
            _ if in_cluster != meant => {
                "this server is of no cluster: take \"cluster\" out of `redis.mode`"
            }
            (_, "slave", _) => "this server is a replica, which counts nothing: name the master",
            (_, _, policy) if policy != "noeviction" => {
                let what = format!(
                    "Redis evicts what it likes when its memory is full (maxmemory-policy is \
                     {policy}), and with it lockouts: set its maxmemory-policy to noeviction"
                );
                return Err(Trouble::Misfit(what));
            }
            _ => return Ok(()),
        };
        Err(Trouble::Misfit(misfit.to_owned()))
    }
}

/// A message that is sent to one node of a cluster is told by all of them.
async fn any_node(nodes: &[Client]) -> RedisResult<redis::aio::PubSub> {
    let mut error = (redis::ErrorKind::InvalidClientConfig, "no server is named").into();
    for node in nodes {
        match node.get_async_pubsub().await {
            Ok(listener) => return Ok(listener),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

fn certificates(settings: &RedisSettings) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: settings.certificates.clone() }
}

fn address(server: &RedisAddress) -> ConnectionAddr {
    let RedisAddress { host, port, tls, .. } = server.clone();
    match tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    }
}

fn identity(settings: &RedisSettings, database: u16) -> RedisConnectionInfo {
    let mut identity = RedisConnectionInfo::default()
        .set_db(database.into())
        // One right less that the user needs.
        .set_skip_set_lib_name();
    if let Some(username) = &settings.username {
        identity = identity.set_username(username);
    }
    if let Some(password) = &settings.password {
        identity = identity.set_password(password);
    }
    identity
}

fn info(settings: &RedisSettings, server: &RedisAddress) -> RedisResult<ConnectionInfo> {
    let info = address(server).into_connection_info()?;
    Ok(info.set_redis_settings(identity(settings, server.database)))
}

fn first(settings: &RedisSettings) -> RedisResult<&RedisAddress> {
    let none = || (redis::ErrorKind::InvalidClientConfig, "no server is named").into();
    settings.servers.first().ok_or_else(none)
}

fn client(settings: &RedisSettings, server: &RedisAddress) -> RedisResult<Client> {
    let info = info(settings, server)?;
    if server.tls {
        Client::build_with_tls(info, certificates(settings))
    } else {
        Client::open(info)
    }
}

fn sentinel(settings: &RedisSettings) -> RedisResult<SentinelClient> {
    let server = first(settings)?;
    let sentinels: Vec<_> = settings.servers.iter().map(address).collect();
    let kind = SentinelServerType::Master;
    let mut builder = SentinelClientBuilder::new(sentinels, &settings.master, kind)?
        .set_client_to_redis_db(server.database.into());
    if server.tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates(settings))
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates(settings));
    }
    if let Some(username) = &settings.username {
        builder = builder
            .set_client_to_redis_username(username)
            .set_client_to_sentinel_username(username);
    }
    if let Some(password) = &settings.password {
        builder = builder
            .set_client_to_redis_password(password)
            .set_client_to_sentinel_password(password);
    }
    builder.build()
}

fn cluster(settings: &RedisSettings) -> RedisResult<To> {
    let nodes: RedisResult<Vec<_>> = settings
        .servers
        .iter()
        .map(|server| info(settings, server))
        .collect();
    let mut builder = ClusterClient::builder(nodes?)
        .connection_timeout(settings.connect_timeout)
        .response_timeout(settings.timeout)
        .overall_response_timeout(Some(settings.timeout))
        // Redirections are followed; what is asked again counts once.
        .retries(3)
        .max_retry_wait(100);
    if first(settings)?.tls {
        builder = builder.tls(TlsMode::Secure).certs(certificates(settings));
    }
    let each: RedisResult<Vec<_>> = settings
        .servers
        .iter()
        .map(|server| client(settings, server))
        .collect();
    Ok(To::Cluster(builder.build()?, each?))
}
