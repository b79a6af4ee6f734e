//! The daemon's counters for Prometheus: `GET /metrics` over plain HTTP.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use msrpc::{metrics::openmetrics, server::Monitor};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};

/// Where the counters are.
const PATH: &str = "/metrics";

/// Connections at a time; further ones wait.
const CONNECTIONS: usize = 8;

/// How long a client may take to ask.
const ASKING: Duration = Duration::from_secs(5);

/// How long a client may take for all of it.
const ALL: Duration = Duration::from_secs(15);

/// Octets of a request.
const REQUEST: usize = 8 << 10;

/// An address that is listened on, and not served yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Listens on an address; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Fails if the address is in use or not allowed.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "metrics are open to whoever reaches this address: there is no authentication");
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Tells who asks what a server has counted.
    pub fn serve(self, monitor: Monitor) -> Endpoint {
        Endpoint { address: self.address, serving: tokio::spawn(serve(self.listener, monitor)) }
    }
}

/// An address where counters are told. Dropping it ends that.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Endpoint {
    /// The page.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, monitor: Monitor) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let monitor = monitor.clone();
                connections.spawn(async move {
                    let _ = tokio::time::timeout(ALL, answer_all(stream, monitor)).await;
                    drop(turn);
                });
            }
            // Too many open files, mostly: accepting again at once would spin.
            Err(error) => {
                tracing::warn!(%error, "metrics");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn answer_all(stream: TcpStream, monitor: Monitor) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(ASKING).max_buf_size(REQUEST).keep_alive(false);
    let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&request, &monitor))));
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "metrics");
    }
}

fn answer(request: &Request<Incoming>, monitor: &Monitor) -> Response<Full<Bytes>> {
    let refusal = |status: StatusCode| {
        let mut response = Response::new(Full::from(format!("{status}\n")));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != PATH {
        return refusal(StatusCode::NOT_FOUND);
    }
    // The answer to HEAD is cut where it is sent.
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = Response::new(Full::from(openmetrics::text(monitor.snapshot())));
    let content_type = hyper::header::HeaderValue::from_static(openmetrics::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
