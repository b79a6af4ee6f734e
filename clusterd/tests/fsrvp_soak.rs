//! Kills at random moments of running sequences, on btrfs: `cargo xtask soak fsrvp`.

mod support;

use std::{
    collections::BTreeMap,
    env, fs,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use msrpc::client::{BoundChannel, ConnectError};
use msrpc_ndr::{AuthLevel, Uuid};
use msrpc_protocols::fsrvp::file_server_vss_agent as agent;
use msrpc_tests::rpc::{
    client::{self, Provider},
    node::{PASSWORD, USER},
};
use support::{
    front::Front,
    node::{Node, configuration, snapshots},
};

const SHARE: &str = r"\\127.0.0.1\bt";
/// FSRVP_CTX_FILE_SHARE_BACKUP, [MS-FSRVP] 2.2.2.1.
const CONTEXT: u32 = 0x10;
/// So many recovered sets are kept; older ones are deleted.
const KEPT: usize = 4;

/// What a client was told of a shadow copy.
#[derive(Clone, Debug)]
struct Told {
    set: Uuid,
    /// What the file held before it was made.
    content: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is recovered, and must be there.
    There,
    /// Its recovery or its deletion was asked for, and nobody answered.
    Unknown,
}

/// By shadow copy.
type Book = Arc<Mutex<BTreeMap<Uuid, Told>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: cargo xtask soak fsrvp"]
async fn kills_at_random_moments_orphan_nothing_and_lose_nothing_that_was_acknowledged() {
    let kills: u32 = env::var("CLUSTERD_KILLS").map_or(200, |text| text.parse().unwrap());
    let Some(front) = Front::for_test().map(Arc::new) else { return };
    let configuration = configuration(&front, "[log]\nlevel = \"info\"");
    let book = Book::default();
    let (mut sequences, mut kept) = (0, 0);
    let begun = Instant::now();
    for kill in 0..kills {
        let node = Node::start(&front, &configuration);
        let lost = settle(&front, &book).await;
        assert!(lost.is_ok(), "after {kill} kills: {lost:?}\n{}", node.log());
        kept = kept.max(book.lock().unwrap().len());
        let client = tokio::spawn(run(Arc::clone(&front), Arc::clone(&book), kill));
        // From the first call to the third sequence.
        tokio::time::sleep(Duration::from_millis(random() % 3000)).await;
        node.kill();
        sequences += client.await.unwrap();
    }
    let node = Node::start(&front, &configuration);
    settle(&front, &book).await.unwrap();
    assert!(node.terminate().success());
    println!("{kills} kills, {sequences} sequences completed, {kept} sets kept at once, {:?}", begun.elapsed());
    assert!(sequences > 0, "no sequence was ever completed: the kills come too early");
}

fn random() -> u64 {
    RandomState::new().hash_one(Instant::now())
}

async fn connect(front: &Front) -> Result<agent::Client<BoundChannel>, ConnectError> {
    let security = Some((Provider::Spnego, AuthLevel::None));
    let builder = client::to(front.binding().parse().unwrap(), security, USER, PASSWORD);
    Ok(agent::Client::new(builder.call_timeout(Duration::from_secs(20)).connect(&agent::INTERFACE).await?))
}

/// Runs sequences until the server dies; tells how many came to their end.
async fn run(front: Arc<Front>, book: Book, kill: u32) -> u32 {
    let mut done = 0;
    let Ok(client) = connect(&front).await else { return done };
    loop {
        match sequence(&client, &front, &book, format!("{kill}.{done}")).await {
            Ok(()) => done += 1,
            // The connection broke, as it should.
            Err(error) if !error.contains("0x8004") && !error.contains("0x8007") => return done,
            Err(error) => panic!("the server refused: {error}"),
        }
    }
}

async fn sequence(
    client: &agent::Client<BoundChannel>,
    front: &Front,
    book: &Book,
    content: String,
) -> Result<(), String> {
    fs::write(front.outside("b/v/file"), &content).unwrap();
    client.set_context(CONTEXT).await.map_err(|error| format!("{error:?}"))?;
    let set = client.start_shadow_copy_set(Uuid::from_u128(1)).await.map_err(|error| format!("{error:?}"))?;
    let copy =
        client.add_to_shadow_copy_set(Uuid::from_u128(2), set, SHARE).await.map_err(|error| format!("{error:?}"))?;
    client.prepare_shadow_copy_set(set, 20_000).await.map_err(|error| format!("{error:?}"))?;
    client.commit_shadow_copy_set(set, 20_000).await.map_err(|error| format!("{error:?}"))?;
    client.expose_shadow_copy_set(set, 20_000).await.map_err(|error| format!("{error:?}"))?;
    book.lock().unwrap().insert(copy, Told { set, content, state: State::Unknown });
    client.recovery_complete_shadow_copy_set(set).await.map_err(|error| format!("{error:?}"))?;
    book.lock().unwrap().get_mut(&copy).unwrap().state = State::There;
    let old = {
        let mut book = book.lock().unwrap();
        let many = book.len() > KEPT;
        // Any but the one that was just made.
        book.iter_mut().find(|(id, _)| many && **id != copy).map(|(id, told)| {
            told.state = State::Unknown;
            (*id, told.set)
        })
    };
    if let Some((copy, set)) = old {
        client.delete_share_mapping(set, copy, SHARE).await.map_err(|error| format!("{error:?}"))?;
        book.lock().unwrap().remove(&copy);
    }
    Ok(())
}

/// Waits until what is there is what clients were told, and takes note of what nobody was told.
async fn settle(front: &Front, book: &Book) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let found = compare(front, book).await;
        if found.is_ok() || begun.elapsed() > Duration::from_secs(20) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn compare(front: &Front, book: &Book) -> Result<(), String> {
    let copies: Vec<Uuid> =
        snapshots(&front.outside("b/snapshots")).iter().map(|name| Uuid::parse_str(name).unwrap()).collect();
    let shares = front.exposed().await;
    let told = book.lock().unwrap().clone();
    for (copy, Told { content, state, .. }) in &told {
        let share = shares.iter().any(|share| share.to_lowercase().contains(&copy.to_string()));
        let snapshot = copies.contains(copy);
        if share != snapshot {
            return Err(format!("{copy}: share {share}, snapshot {snapshot}"));
        }
        if *state == State::There && !share {
            return Err(format!("{copy} is lost"));
        }
        if snapshot {
            let file = front.outside(format!("b/snapshots/{copy}/file"));
            let found = fs::read_to_string(&file).map_err(|error| format!("{copy}: {error}"))?;
            if found != *content {
                return Err(format!("{copy} holds {found:?} and not {content:?}"));
            }
        }
    }
    if let Some(orphan) = copies.iter().find(|copy| !told.contains_key(copy)) {
        return Err(format!("the snapshot {orphan} is an orphan"));
    }
    if shares.len() != copies.len() {
        return Err(format!("an exposed share is an orphan: {shares:?} of {copies:?}"));
    }
    // What is there now has to stay; what is gone is gone.
    let mut book = book.lock().unwrap();
    book.retain(|copy, _| copies.contains(copy));
    book.values_mut().for_each(|told| told.state = State::There);
    Ok(())
}
