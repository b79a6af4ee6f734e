//! The generated client and server of the print queue, in every encoding.

use midlc_downstream::{
    PrintServer,
    jobs::{
        JobState,
        print_queue::{Client, Service},
    },
};
use msrpc_ndr::{CallError, Encoding, MemoryChannel, Win32Error};

#[tokio::test]
async fn jobs_come_back_as_they_were_submitted() {
    for encoding in Encoding::ALL {
        let client = Client::new(MemoryChannel::new(Service::new(PrintServer::new(["Lobby"])), encoding));
        let queue = client.open_queue("Lobby").await.unwrap();
        assert_eq!(client.submit(&queue, Some("Letter".into()), b"Dear Sir".to_vec()).await.unwrap(), 1);
        assert_eq!(client.submit(&queue, None, &b"\0\x01"[..]).await.unwrap(), 2);
        let list = client.list_jobs(&queue).await.unwrap();
        let jobs = list.jobs.unwrap();
        assert_eq!(jobs.len(), 2, "{encoding:?}");
        assert_eq!(jobs[0].title.as_ref().unwrap(), "Letter");
        assert_eq!(jobs[0].submitted.low_date_time, 1);
        assert_eq!(jobs[1].title, None);
        assert_eq!(jobs[1].state, JobState::JOB_WAITING);
        assert_eq!(client.close_queue(Some(queue.clone())).await.unwrap(), None);
        let stale = client.list_jobs(&queue).await;
        assert!(matches!(stale, Err(CallError::Fault(msrpc_ndr::Fault::CONTEXT_MISMATCH))), "{stale:?}");
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_a_status() {
    let client = Client::new(MemoryChannel::new(Service::new(PrintServer::new(["Lobby"])), Encoding::NDR64));
    let error = client.open_queue("Attic").await.unwrap_err();
    assert_eq!(error.status(), Some(&Win32Error::ERROR_FILE_NOT_FOUND));
    let queue = client.open_queue("Lobby").await.unwrap();
    let error = client.submit(&queue, None, Vec::new()).await.unwrap_err();
    assert_eq!(error.status(), Some(&Win32Error::ERROR_INVALID_PARAMETER));
}
