//! Pipes over a channel in memory: what is on the wire, who waits for whom, and what is refused.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use midlc_golden::pipes::{
    Point,
    pipes::{Client, Server, Service, wire},
};
use msrpc_ndr::{
    Body, Bytes, Call, CallError, Encoding, Fault, MemoryChannel, NoStatus, Outcome, PipeError, PipeInput, PipeReader,
    PipeWriter, Service as _, WString, Win32Error,
};

type Points = msrpc_ndr::Items<Point>;
type Longs = msrpc_ndr::Items<i32>;
type Octets = msrpc_ndr::Octets;

/// Runs a future that waits for nothing but itself.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..10_000_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
    panic!("nobody goes on");
}

#[derive(Default)]
struct Warehouse {
    taken: Mutex<Vec<Bytes>>,
    written: Arc<AtomicUsize>,
}

impl Server for Warehouse {
    async fn upload(&self, _: &Call, name: WString, mut data: PipeReader<Octets>) -> Outcome<i64, Win32Error> {
        if name == "early" {
            return Err(Win32Error(5).into());
        }
        let mut size = 0;
        while let Some(chunk) = data.next().await? {
            size += chunk.len() as i64;
            self.taken.lock().unwrap().push(chunk);
        }
        Ok(size)
    }

    async fn download(
        &self,
        _: &Call,
        count: i32,
        mut numbers: PipeWriter<Longs>,
    ) -> Outcome<Option<WString>, Win32Error> {
        if count < 0 {
            return Err(Win32Error(87).into());
        }
        for first in (0..count).step_by(3) {
            numbers.write((first..count.min(first + 3)).collect::<Vec<_>>()).await?;
            self.written.fetch_add(1, Ordering::Relaxed);
            if first >= 1_000_000 {
                return Err(Fault::CANCELLED.into());
            }
        }
        Ok(Some("numbers".into()))
    }

    async fn both(
        &self,
        _: &Call,
        a: i32,
        mut points: PipeReader<Points>,
        mut points_out: PipeWriter<Points>,
    ) -> Outcome<i32, NoStatus> {
        if a == 1 {
            points_out.write(vec![Point::default()]).await?;
        }
        let all = points.read_to_end(1000).await?;
        for point in &all {
            points_out.write(vec![Point { x: -point.x, y: -point.y }]).await?;
        }
        Ok(all.len() as i32)
    }

    async fn several(
        &self,
        _: &Call,
        mut first: PipeReader<Longs>,
        mut second: PipeReader<Octets>,
        mut third: PipeWriter<Octets>,
        mut fourth: PipeWriter<Longs>,
    ) -> Outcome<i32, NoStatus> {
        assert!(matches!(second.next().await, Err(PipeError::Order)));
        let numbers = first.read_to_end(100).await?;
        let octets = second.read_to_end(100).await?;
        third.write(octets).await?;
        fourth.write(numbers).await?;
        assert!(matches!(third.write(vec![1]).await, Err(PipeError::Closed)));
        Ok(7)
    }
}

/// Request and response stubs of a call.
type Seen = Arc<Mutex<Vec<(Bytes, Bytes)>>>;

fn tapped(encoding: Encoding) -> (Client<MemoryChannel>, Seen) {
    let seen = Seen::default();
    let tap = Arc::clone(&seen);
    let channel = MemoryChannel::new(Service::new(Warehouse::default()), encoding);
    let channel = channel.with_tap(move |_, request, response| {
        tap.lock().unwrap().push((request.clone(), response.clone()));
    });
    (Client::new(channel), seen)
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn check(seen: &Seen, request: &str, response: &str) {
    let seen = seen.lock().unwrap();
    let (found_request, found_response) = seen.last().unwrap();
    assert_eq!(found_request[..], octets(request)[..], "request {found_request:02x?}");
    assert_eq!(found_response[..], octets(response)[..], "response {found_response:02x?}");
}

#[test]
fn pipes_are_chunks_behind_the_request_and_in_front_of_the_response() {
    let (client, seen) = tapped(Encoding::NDR);
    let chunks = [Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"de")];
    assert_eq!(block_on(client.upload("n", PipeInput::<Octets>::from_chunks(chunks))).unwrap(), 5);
    check(
        &seen,
        "02000000 00000000 02000000 6e00 0000  03000000 616263 00 02000000 6465 0000 00000000",
        "0500000000000000 00000000",
    );
    block_on(async {
        let mut call = client.download(4).await.unwrap();
        assert_eq!(call.pipes.read_to_end(100).await.unwrap(), [0, 1, 2, 3]);
        assert_eq!(call.finish().await.unwrap().unwrap(), "numbers");
    });
    check(
        &seen,
        "04000000",
        "03000000 00000000 01000000 02000000 01000000 03000000 00000000
         00000200 08000000 00000000 08000000 6e0075006d006200650072007300 0000 00000000",
    );
}

#[test]
fn chunks_of_ndr64_end_in_their_negated_count() {
    let (client, seen) = tapped(Encoding::NDR64);
    assert_eq!(block_on(client.upload("n", Bytes::from_static(b"abc"))).unwrap(), 3);
    check(
        &seen,
        "0200000000000000 0000000000000000 0200000000000000 6e00 0000 00000000
         0300000000000000 616263 0000000000 fdffffffffffffff 0000000000000000 0000000000000000",
        "0300000000000000 00000000",
    );
    let points = vec![Point { x: 1, y: 2 }, Point { x: 3, y: 4 }];
    let (back, count) = block_on(async {
        let mut call = client.both(0, points).await.unwrap();
        (call.pipes.read_to_end(10).await.unwrap(), call.finish().await.unwrap())
    });
    assert_eq!((back, count), (vec![Point { x: -1, y: -2 }, Point { x: -3, y: -4 }], 2));
    check(
        &seen,
        "00000000 00000000 0200000000000000
         0100 000000000000 0200000000000000 0300 000000000000 0400000000000000 feffffffffffffff
         0000000000000000 0000000000000000",
        "0100000000000000 ffff 000000000000 feffffffffffffff ffffffffffffffff
         0100000000000000 fdff 000000000000 fcffffffffffffff ffffffffffffffff
         0000000000000000 0000000000000000 02000000",
    );
}

#[test]
fn several_pipes_follow_each_other() {
    for encoding in Encoding::ALL {
        let (client, _) = tapped(encoding);
        block_on(async {
            let mut call = client.several(vec![1, 2, 3], b"xyz".to_vec()).await.unwrap();
            assert!(matches!(call.pipes.1.next().await, Err(PipeError::Order)));
            assert_eq!(call.pipes.0.read_to_end(10).await.unwrap()[..], b"xyz"[..]);
            assert_eq!(call.pipes.1.read_to_end(10).await.unwrap(), [1, 2, 3]);
            assert_eq!(call.finish().await.unwrap(), 7);
        });
    }
}

#[test]
fn what_is_not_read_is_thrown_away() {
    let (client, _) = tapped(Encoding::NDR);
    block_on(async {
        let call = client.download(10).await.unwrap();
        assert_eq!(call.finish().await.unwrap().unwrap(), "numbers");
        let refused = client.upload("early", vec![0; 100_000]).await;
        assert!(matches!(refused, Err(CallError::Status { status: Win32Error(5), .. })));
        let status = client.download(-1).await.unwrap().finish().await;
        assert!(matches!(status, Err(CallError::Status { status: Win32Error(87), .. })));
    });
}

#[test]
fn an_out_pipe_waits_until_the_in_pipes_are_read() {
    let (client, _) = tapped(Encoding::NDR);
    let fault = block_on(client.both(1, vec![Point::default()])).unwrap_err();
    assert!(matches!(fault, CallError::Fault(Fault::PIPE_DISCIPLINE)), "{fault}");
}

#[test]
fn a_chunk_outside_its_range_is_refused() {
    let (client, _) = tapped(Encoding::NDR);
    let fault = block_on(client.several(vec![1], vec![0; 17])).unwrap_err();
    assert!(matches!(fault, CallError::Fault(Fault::BAD_STUB_DATA)), "{fault}");
}

#[test]
fn a_server_that_is_not_heard_does_not_run_ahead_and_a_fault_ends_the_pipe() {
    let warehouse = Warehouse::default();
    let written = Arc::clone(&warehouse.written);
    let client = Client::new(MemoryChannel::new(Service::new(warehouse), Encoding::NDR));
    block_on(async {
        let mut call = client.download(i32::MAX).await.unwrap();
        let mut read = 0;
        loop {
            match call.pipes.next().await {
                Ok(Some(numbers)) => read += numbers.len().div_ceil(3),
                Ok(None) => panic!("the method failed"),
                Err(PipeError::Transport(error)) => {
                    assert_eq!(error.fault(), Some(Fault::CANCELLED));
                    break;
                }
                Err(error) => panic!("{error}"),
            }
            // Sixteen octets a chunk.
            let ahead = written.load(Ordering::Relaxed).saturating_sub(read);
            assert!(ahead <= 2 * 64 * 1024 / 16, "{ahead} chunks ahead");
        }
        assert!(read > 300_000);
    });
}

/// A request body that comes an octet at a time.
fn dribble(stub: Bytes) -> Body {
    struct Dribble(Bytes);
    impl futures_core::Stream for Dribble {
        type Item = Result<Bytes, msrpc_ndr::TransportError>;

        fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Ok(self.0.split_to(1))))
        }
    }
    Body::from_stream(Dribble(stub))
}

#[test]
fn stubs_may_be_cut_anywhere() {
    for encoding in Encoding::ALL {
        let (client, seen) = tapped(encoding);
        let points: Vec<Point> = (0..5).map(|n| Point { x: n, y: i64::from(n) << 33 }).collect();
        block_on(async { client.both(0, points).await.unwrap().finish().await.unwrap() });
        let (request, response) = seen.lock().unwrap().pop().unwrap();
        let service = Service::new(Warehouse::default());
        let call = || Call::new(service.interface(), 2, encoding);
        let answer = block_on(async {
            service.call(call(), dribble(request.clone())).await.unwrap().collect(1 << 20).await.unwrap()
        });
        // The server's own chunks: one for each point.
        assert_eq!(answer, response);
        for len in 0..request.len() {
            let cut = block_on(async {
                let body = service.call(call(), dribble(request.slice(..len))).await?;
                body.collect(1 << 20).await.map_err(|error| error.fault().unwrap())
            });
            assert_eq!(cut, Err(Fault::BAD_STUB_DATA), "{encoding:?}: {len}");
        }
    }
}

#[test]
fn a_chunk_of_ndr64_that_ends_otherwise_is_refused() {
    let service = Service::new(Warehouse::default());
    let mut stub = msrpc_ndr::Message::to_bytes(&wire::BothRequest { a: 0 }, Encoding::NDR64).unwrap().to_vec();
    stub.extend(octets("00000000 0100000000000000 0100 000000000000 0200000000000000 feffffffffffffff"));
    let outcome = block_on(service.call(Call::new(service.interface(), 2, Encoding::NDR64), Bytes::from(stub).into()));
    assert_eq!(outcome.unwrap_err(), Fault::BAD_STUB_DATA);
}
