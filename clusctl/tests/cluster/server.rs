//! clusterd's demo, in this process.

use std::net::SocketAddr;

use clusterd::demo::{Demo, Options};

use crate::support::Desk;

/// A demo of a cluster, and a folder that outlives it.
pub struct Server {
    demo: Option<Demo>,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    pub fn start() -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), 0)
    }

    /// With an endpoint mapper on a port.
    pub fn listen(listen: SocketAddr, epm_port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut server = Self { demo: None, folder, runtime };
        server.begin(listen, epm_port);
        server
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
            keytab: None,
            administrator: Vec::new(),
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
