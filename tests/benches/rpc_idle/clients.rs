//! The clients: this program once more, in a process of its own. It says when all are connected, and
//! ends when its input does.

use std::{
    env,
    io::{self, Read as _},
    net::SocketAddr,
    process::Stdio,
};

use msrpc::client::BoundChannel;
use msrpc_ndr::AuthLevel;
use msrpc_tests::rpc::{
    client::{self, Provider, Security},
    interfaces::srvsvc::srvsvc,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinSet,
};

/// What makes this program the clients.
pub(super) const COMMAND: &str = "clients";

/// Connections that are being made at a time.
const AT_A_TIME: usize = 64;

/// How connections authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Sealed,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Plain, Self::Sealed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "bound, without authentication",
            Self::Sealed => "bound, NTLM seal",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn security(self) -> Security {
        match self {
            Self::Plain => None,
            Self::Sealed => Some((Provider::Ntlm, AuthLevel::Privacy)),
        }
    }
}

/// Clients that run.
pub(super) struct Clients {
    process: Child,
}

impl Clients {
    /// Starts so many; they are connected when this is through.
    pub(super) async fn start(server: SocketAddr, kind: Kind, connections: usize) -> io::Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args([COMMAND, &server.to_string(), kind.name(), &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let line = BufReader::new(output).lines().next_line().await?;
        if line.is_none() {
            return Err(io::Error::other("the clients did not connect: are so many open files allowed (ulimit -n)?"));
        }
        Ok(Self { process })
    }

    pub(super) async fn end(mut self) -> io::Result<()> {
        drop(self.process.stdin.take());
        self.process.wait().await.map(drop)
    }
}

/// The clients' process.
pub(super) fn run(mut arguments: impl Iterator<Item = String>) -> io::Result<()> {
    let mut next = || arguments.next().ok_or(io::ErrorKind::InvalidInput);
    let server: SocketAddr = next()?.parse().map_err(io::Error::other)?;
    let kind = Kind::of(&next()?).ok_or(io::ErrorKind::InvalidInput)?;
    let connections: usize = next()?.parse().map_err(io::Error::other)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut held = Vec::with_capacity(connections);
        let mut connecting = JoinSet::new();
        for _ in 0..connections {
            connecting.spawn(connect(server, kind));
            if connecting.len() >= AT_A_TIME {
                held.extend(connecting.join_next().await.transpose()?.transpose()?);
            }
        }
        while let Some(connected) = connecting.join_next().await {
            held.push(connected??);
        }
        println!("connected");
        // Ends with whoever started it.
        let _ = io::stdin().read(&mut [0]);
        Ok(())
    })
}

async fn connect(server: SocketAddr, kind: Kind) -> io::Result<srvsvc::Client<BoundChannel>> {
    let channel = client::at(server, kind.security()).connect(&srvsvc::INTERFACE).await.map_err(io::Error::other)?;
    let client = srvsvc::Client::new(channel);
    client.netr_remote_tod(None).await.map_err(io::Error::other)?;
    Ok(client)
}
