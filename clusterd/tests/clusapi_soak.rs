//! Kills under write load: every write that was acknowledged is there afterwards, and the store
//! opens. A few kills in every test run; `cargo xtask soak clusapi` makes 500.

mod support;

use std::{
    collections::BTreeMap,
    env,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use msrpc::client::BoundChannel;
use msrpc_ndr::{Bytes, CallError, Win32Error};
use msrpc_protocols::clusapi3::clusapi::Client;
use support::demo::Demo;

/// Writers at once.
const WRITERS: u32 = 8;
const MAXIMUM_ALLOWED: u32 = 0x0200_0000;
const REG_DWORD: u32 = 4;

/// What the writers know of what they wrote.
#[derive(Debug, Default)]
struct Book {
    /// By writer: the number that was acknowledged last, and the one that was sent last.
    numbers: BTreeMap<u32, (u32, u32)>,
    /// Groups by name: whether they must be there (`Some(true)`), must not be, or may be.
    groups: BTreeMap<String, Option<bool>>,
}

type Shared = Arc<Mutex<Book>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_few_kills() {
    kills(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: cargo xtask soak clusapi"]
async fn what_was_acknowledged_survives_hundreds_of_kills() {
    kills(env::var("CLUSTERD_KILLS").map_or(500, |text| text.parse().unwrap())).await;
}

async fn kills(kills: u32) {
    let book = Shared::default();
    let mut demo = Demo::start();
    let begun = Instant::now();
    for kill in 0..kills {
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let client = demo.cluster().await.unwrap();
            writers.push(tokio::spawn(write(client, Arc::clone(&book), writer, kill)));
        }
        tokio::time::sleep(Duration::from_millis(50 + random() % 250)).await;
        let folder = demo.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        demo = Demo::again(folder);
        check(&demo.cluster().await.unwrap(), &book, kill).await;
    }
    let written: u64 = book.lock().unwrap().numbers.values().map(|(acknowledged, _)| u64::from(*acknowledged)).sum();
    assert!(written > u64::from(kills * WRITERS), "hardly anything was written: the kills come too early");
    println!("{kills} kills, {written} acknowledged writes, {:?}", begun.elapsed());
}

/// Counts upwards in a value of its own and makes and deletes groups, until the server is gone.
async fn write(client: Client<BoundChannel>, book: Shared, writer: u32, round: u32) {
    let _gone = try_writing(&client, &book, writer, round).await;
}

async fn try_writing(
    client: &Client<BoundChannel>,
    book: &Shared,
    writer: u32,
    round: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let root = client.api_get_root_key(MAXIMUM_ALLOWED).await?;
    let key = client.api_create_key(&root, &*format!("Writers\\{writer}"), 0, MAXIMUM_ALLOWED, None).await?.handle;
    for turn in 0_u32.. {
        let number = {
            let mut book = book.lock().unwrap();
            let (_, sent) = book.numbers.entry(writer).or_default();
            *sent += 1;
            *sent
        };
        client.api_set_value(&key, "number", REG_DWORD, Bytes::copy_from_slice(&number.to_le_bytes())).await?;
        book.lock().unwrap().numbers.entry(writer).or_default().0 = number;
        if turn % 4 == 0 {
            let name = format!("group {writer} {round} {turn}");
            book.lock().unwrap().groups.insert(name.clone(), None);
            let group = client.api_create_group(&*name).await?;
            book.lock().unwrap().groups.insert(name.clone(), Some(true));
            if turn % 8 == 0 {
                book.lock().unwrap().groups.insert(name.clone(), None);
                client.api_delete_group(&group, 0).await?;
                book.lock().unwrap().groups.insert(name, Some(false));
            }
        }
    }
    Ok(())
}

async fn check(client: &Client<BoundChannel>, book: &Shared, kill: u32) {
    let root = client.api_get_root_key(MAXIMUM_ALLOWED).await.unwrap();
    let numbers = book.lock().unwrap().numbers.clone();
    for (writer, (acknowledged, sent)) in numbers {
        if acknowledged == 0 {
            continue;
        }
        let key = client.api_open_key(&root, &*format!("Writers\\{writer}"), MAXIMUM_ALLOWED).await.unwrap();
        let value = client.api_query_value(&key, "number", 4).await.unwrap();
        let found = u32::from_le_bytes(value.data[..].try_into().unwrap());
        assert!(
            (acknowledged..=sent).contains(&found),
            "kill {kill}: writer {writer} was told {acknowledged} and sent {sent}, the store has {found}"
        );
        book.lock().unwrap().numbers.insert(writer, (found, sent));
        client.api_close_key(Some(key)).await.unwrap();
    }
    let groups = std::mem::take(&mut book.lock().unwrap().groups);
    for (name, wanted) in groups {
        let opened = client.api_open_group(&*name).await;
        let there = match opened {
            Ok(group) => {
                client.api_delete_group(&group, 0).await.unwrap();
                true
            }
            Err(CallError::Status { status: Win32Error(5013), .. }) => false,
            Err(error) => panic!("kill {kill}: {name}: {error}"),
        };
        assert!(wanted.is_none_or(|wanted| wanted == there), "kill {kill}: {name} {wanted:?} {there}");
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(Instant::now())
}
