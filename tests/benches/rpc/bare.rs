//! The limit: TCP without RPC. As many octets there and back, the same number of calls in flight.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::ReadHalf},
    sync::Semaphore,
};

use super::{
    row::Sizes,
    statistics::{Latencies, nanoseconds},
};

/// Octets that are read at a time.
const READ: usize = 256 << 10;

/// Serves until the process ends.
pub(super) async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that goes away ends it.
        tokio::spawn(async move { answer(stream).await.ok() });
    }
}

/// Reads requests of a size and writes responses of another; the client says which.
async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (request, response) = (stream.read_u32().await? as usize, stream.read_u32().await? as usize);
    let mut input = vec![0; READ];
    let output = vec![0; response.max(READ / response.max(1) * response)];
    let mut received = 0;
    loop {
        match stream.read(&mut input).await? {
            0 => return Ok(()),
            len => received += len,
        }
        let mut owed = received / request * response;
        received %= request;
        while owed > 0 {
            let len = owed.min(output.len());
            stream.write_all(&output[..len]).await?;
            owed -= len;
        }
    }
}

/// A connection to the bare server.
pub(super) async fn connect(server: SocketAddr, sizes: Sizes) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    for size in [sizes.request, sizes.response] {
        stream.write_u32(u32::try_from(size).map_err(io::Error::other)?).await?;
    }
    Ok(stream)
}

/// Exchanges one after the other.
pub(super) async fn ping_pong(stream: &mut TcpStream, sizes: Sizes, until: Instant) -> io::Result<Latencies> {
    let request = vec![0; sizes.request];
    let mut input = vec![0; READ];
    let mut latencies = Latencies::new();
    loop {
        let start = Instant::now();
        let mut left = sizes.response;
        // Large messages have to be read while they are written.
        let (mut from, mut to) = stream.split();
        let write = to.write_all(&request);
        let read = async {
            while left > 0 {
                left -= receive(&mut from, &mut input).await?.min(left);
            }
            io::Result::Ok(())
        };
        if request.len() < READ {
            write.await?;
            read.await?;
        } else {
            tokio::try_join!(write, read)?;
        }
        latencies.push(nanoseconds(start.elapsed()));
        if Instant::now() >= until {
            return Ok(latencies);
        }
    }
}

/// Keeps so many exchanges in flight on one connection.
pub(super) async fn pipeline(
    stream: &mut TcpStream,
    sizes: Sizes,
    window: u32,
    until: Instant,
) -> io::Result<Latencies> {
    let (mut from, mut to) = stream.split();
    let room = Semaphore::new(window as usize);
    let sent = Mutex::new(VecDeque::new());
    let latencies = Mutex::new(Latencies::new());
    let write = async {
        let requests = vec![0; sizes.request * window as usize];
        while Instant::now() < until {
            let free = u32::try_from(room.available_permits()).unwrap_or(window).max(1);
            room.acquire_many(free).await.map_err(io::Error::other)?.forget();
            let now = Instant::now();
            lock(&sent).extend((0..free).map(|_| now));
            to.write_all(&requests[..sizes.request * free as usize]).await?;
        }
        // Until all have come back.
        room.acquire_many(window).await.map_err(io::Error::other).map(drop)
    };
    let read = async {
        let mut input = vec![0; READ];
        let mut received = 0;
        loop {
            match receive(&mut from, &mut input).await {
                Ok(len) => received += len,
                Err(error) => break error,
            }
            let back = received / sizes.response;
            received %= sizes.response;
            let now = Instant::now();
            for start in lock(&sent).drain(..back) {
                lock(&latencies).push(nanoseconds(now - start));
            }
            room.add_permits(back);
        }
    };
    tokio::select! {
        written = write => written?,
        failed = read => return Err(failed),
    }
    Ok(latencies.into_inner().unwrap_or_else(PoisonError::into_inner))
}

async fn receive(from: &mut ReadHalf<'_>, input: &mut [u8]) -> io::Result<usize> {
    match from.read(input).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        len => Ok(len),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
