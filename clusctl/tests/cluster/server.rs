//! clusterd's demo, in this process.

use std::{net::SocketAddr, path::PathBuf};

use clusterd::{
    config::Principal,
    demo::{Demo, Options},
};

use crate::support::Desk;

/// A demo of a cluster, and a folder that outlives it.
pub struct Server {
    demo: Option<Demo>,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    /// Lets Kerberos in.
    keytab: Option<PathBuf>,
    administrators: Vec<Principal>,
}

impl Server {
    pub fn start() -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), 0)
    }

    /// That lets Kerberos in, with somebody of it as another administrator.
    pub fn with_keytab(keytab: PathBuf, administrator: &str) -> Self {
        let mut server = Self::idle();
        server.keytab = Some(keytab);
        server.administrators.push(administrator.parse().unwrap());
        server.begin("127.0.0.1:0".parse().unwrap(), 0);
        server
    }

    /// With an endpoint mapper on a port.
    pub fn listen(listen: SocketAddr, epm_port: u16) -> Self {
        let mut server = Self::idle();
        server.begin(listen, epm_port);
        server
    }

    fn idle() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { demo: None, folder, runtime, keytab: None, administrators: Vec::new() }
    }

    fn begin(&mut self, listen: SocketAddr, epm_port: u16) {
        let options = Options {
            listen,
            epm_port: Some(epm_port),
            np_dir: None,
            smb_conf: None,
            ready_file: None,
            data: Some(self.folder.path().to_owned()),
            user: "root".to_owned(),
            password: "Passw0rd".to_owned(),
            keytab: self.keytab.clone(),
            administrator: self.administrators.clone(),
        };
        self.demo = Some(self.runtime.block_on(Demo::start(options)).unwrap());
    }

    pub fn binding(&self) -> String {
        let endpoints = self.demo.as_ref().unwrap().endpoints();
        endpoints.clusapi.iter().find(|binding| binding.starts_with("ncacn_ip_tcp")).unwrap().clone()
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        let binding = self.binding();
        let (host, port) = binding.trim_start_matches("ncacn_ip_tcp:").split_once('[').unwrap();
        format!("{host}:{}", port.trim_end_matches(']')).parse().unwrap()
    }

    pub fn mapper_port(&self) -> String {
        let mapper = self.demo.as_ref().unwrap().endpoints().epmapper.first().unwrap().clone();
        mapper.split_once('[').unwrap().1.trim_end_matches(']').to_owned()
    }

    pub fn desk(&self) -> Desk {
        Desk::new(&self.binding())
    }

    pub fn end(&mut self) {
        let demo = self.demo.take().unwrap();
        self.runtime.block_on(demo.stop());
    }

    /// Ends the node and starts another at the same address: the cluster as it was in the beginning.
    pub fn replace(&mut self) {
        let address = self.address();
        self.end();
        self.folder = tempfile::tempdir().unwrap();
        self.begin(address, 0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(demo) = self.demo.take() {
            self.runtime.block_on(demo.stop());
        }
    }
}
