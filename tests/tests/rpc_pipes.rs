//! Pipes between our client and our server over TCP: what is large streams, and whoever is slow holds
//! the other back. About two seconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use msrpc::{
    binding::{BindingOption, StringBinding},
    client::{BoundChannel, ClientBuilder},
    server::Server as RpcServer,
};
use msrpc_ndr::{Call, CallError, Fault, Outcome, PipeError, PipeInput, PipeReader, PipeWriter, WString, Win32Error};
use msrpc_tests::rpc::interfaces::pipes::{
    Sample,
    depot::{Client, INTERFACE, Server, Service},
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

type Samples = msrpc_ndr::Items<Sample>;
type Octets = msrpc_ndr::Octets;

const CHUNK: usize = 32 << 10;

#[derive(Clone, Default)]
struct Depot {
    /// Octets written to pipes.
    sent: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Server for Depot {
    async fn store(&self, _: &Call, name: WString, mut data: PipeReader<Octets>) -> Outcome<i64, Win32Error> {
        if name == "refused" {
            return Err(Win32Error(5).into());
        }
        let mut size = 0;
        while let Some(chunk) = data.next().await? {
            assert!(chunk.iter().all(|octet| *octet == 7));
            size += chunk.len() as i64;
        }
        Ok(size)
    }

    async fn fetch(&self, _: &Call, size: i64, mut data: PipeWriter<Octets>) -> Outcome<i64, Win32Error> {
        let chunk = Bytes::from(vec![9; CHUNK]);
        let mut sum = 0;
        while sum < size {
            let written = data.write(chunk.clone()).await;
            if written.is_err() {
                self.ended.store(true, Ordering::Release);
            }
            written?;
            sum += CHUNK as i64;
            self.sent.fetch_add(CHUNK as u64, Ordering::Relaxed);
            if size == 13 * CHUNK as i64 && sum > size / 2 {
                return Err(Fault::NO_RESOURCES.into());
            }
        }
        Ok(sum)
    }

    async fn echo(
        &self,
        _: &Call,
        mut samples: PipeReader<Samples>,
        mut samples_out: PipeWriter<Samples>,
    ) -> Outcome<(), Win32Error> {
        let all = samples.read_to_end(10_000).await?;
        for part in all.chunks(100) {
            samples_out.write(part).await?;
        }
        Ok(())
    }
}

async fn serve() -> (RpcServer, Depot, StringBinding) {
    let depot = Depot::default();
    let server = RpcServer::builder().service(Service::new(depot.clone()));
    let server = server.listen_tcp("127.0.0.1:0").await.unwrap().start().unwrap();
    let port = server.tcp_addresses()[0].port();
    (server, depot, StringBinding::tcp("127.0.0.1", port))
}

async fn connect(binding: &StringBinding) -> Client<BoundChannel> {
    Client::new(ClientBuilder::new(binding.clone()).connect(&INTERFACE).await.unwrap())
}

/// One test, because they share the heap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_each_way_need_little_memory() {
    const SIZE: usize = 64 << 20;
    let (_server, depot, binding) = serve().await;
    let client = connect(&binding).await;
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage_as_mb();
    let chunks = std::iter::repeat_n(Bytes::from(vec![7; CHUNK]), SIZE / CHUNK);
    let size = client.store("large", PipeInput::<Octets>::from_chunks(chunks)).await.unwrap();
    assert_eq!(size, SIZE as i64);
    let mut call = client.fetch(SIZE as i64).await.unwrap();
    let mut received = 0;
    while let Some(chunk) = call.pipes.next().await.unwrap() {
        received += chunk.len();
    }
    assert_eq!((received, call.finish().await.unwrap()), (SIZE, SIZE as i64));
    let peak = HEAP.peak_usage_as_mb() - before;
    assert!(peak < 12.0, "{peak} MB beside the pipes");

    // A client that does not read stops the server, and one that goes away ends the method.
    depot.sent.store(0, Ordering::Relaxed);
    let mut call = client.fetch(1 << 40).await.unwrap();
    assert!(call.pipes.next().await.unwrap().is_some());
    let mut last = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let sent = depot.sent.load(Ordering::Relaxed);
        if sent == last {
            break;
        }
        last = sent;
    }
    assert!(last < 16 << 20, "{last} octets without a reader");
    drop(call);
    drop(client);
    let start = Instant::now();
    while !depot.ended.load(Ordering::Acquire) {
        assert!(start.elapsed() < Duration::from_secs(10), "the method runs on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipes_of_structures_in_every_encoding() {
    let (_server, _, binding) = serve().await;
    for flag in ["ndr32", "bigendian", "ndr64"] {
        let mut binding = binding.clone();
        binding.options.push(BindingOption { name: flag.to_owned(), value: None });
        let client = connect(&binding).await;
        for count in [0, 1, 7, 5000] {
            let samples: Vec<Sample> = (0..count).map(|n| Sample { time: n << 35, value: n as i16 }).collect();
            let mut call = client.echo(samples.clone()).await.unwrap();
            assert_eq!(call.pipes.read_to_end(10_000).await.unwrap(), samples, "{flag}");
            call.finish().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_early_and_a_pipe_that_breaks_off_leave_the_connection_as_it_was() {
    let (_server, _, binding) = serve().await;
    let client = connect(&binding).await;
    for _ in 0..3 {
        let refused = client.store("refused", vec![7; 3 << 20]).await;
        assert!(matches!(refused, Err(CallError::Status { status: Win32Error(5), .. })), "{refused:?}");
        let mut call = client.fetch(13 * CHUNK as i64).await.unwrap();
        let error = loop {
            match call.pipes.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the method failed"),
                Err(error) => break error,
            }
        };
        let PipeError::Transport(transport) = &error else { panic!("{error}") };
        assert_eq!(transport.fault(), Some(Fault::NO_RESOURCES));
        assert!(matches!(call.finish().await, Err(CallError::Fault(Fault::NO_RESOURCES))));
        let broken = futures_core_stream(vec![Ok(Bytes::from(vec![7; 10])), Err("the disk is gone")]);
        let broken = client.store("broken", PipeInput::<Octets>::from_stream(broken)).await.unwrap_err();
        assert!(broken.to_string().contains("the disk is gone"), "{broken}");
        assert_eq!(client.store("good", vec![7; 100_000]).await.unwrap(), 100_000);
    }
}

fn futures_core_stream<T: Unpin>(items: Vec<T>) -> impl futures_core::Stream<Item = T> {
    struct Items<T>(std::vec::IntoIter<T>);
    impl<T: Unpin> futures_core::Stream for Items<T> {
        type Item = T;

        fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
            std::task::Poll::Ready(self.0.next())
        }
    }
    Items(items.into_iter())
}
