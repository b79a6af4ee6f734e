//! The task that drives a connection.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use msrpc_ndr::{ChannelError, TransportError};
use tokio::io::AsyncWriteExt;

use super::{Answer, Exchange, Inner, Sending, Shared};
use crate::{
    association::{ClientError, ClientEvent, StepJob},
    client::steps,
};

/// How long a stream may take to close.
const CLOSING: Duration = Duration::from_secs(5);

impl Inner {
    fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<Drive> {
        match &mut self.driver {
            Some(driver) if driver.will_wake(cx.waker()) => {}
            driver => *driver = Some(cx.waker().clone()),
        }
        loop {
            if self.ended.is_some() {
                return Poll::Ready(Drive::End);
            }
            let mut progress = false;
            self.association.process();
            self.take_events();
            if let Some(job) = self.steps.pop() {
                return Poll::Ready(Drive::Step(job));
            }
            self.association.poll_unread(cx);
            progress |= self.association.full_body().is_some_and(|body| body.poll_room(cx).is_ready());
            if self.sending == Sending::Gathers {
                self.sending = Sending::Gathered;
                self.woken.push(cx.waker().clone());
            } else {
                self.sending = Sending::AtOnce;
                match self.poll_write(cx) {
                    Ok(true) => {
                        progress = true;
                        self.wake_senders();
                    }
                    Ok(false) => {}
                    Err(error) => return self.over(TransportError::with_source("sending failed", error)),
                }
            }
            if let Some(reason) = self.association.close_reason().cloned() {
                self.refused = Some(reason.clone());
                return self.over(TransportError::with_source("the connection has ended", reason));
            }
            if self.unused {
                return self.over(TransportError::new("the connection has been closed"));
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => return self.over(TransportError::new("the server closed the connection")),
                Poll::Ready(Ok(_)) => progress = true,
                Poll::Ready(Err(error)) => return self.over(TransportError::with_source("receiving failed", error)),
                Poll::Pending => {}
            }
            if !progress {
                if self.output.is_empty() {
                    // Who waits has no buffers.
                    self.output = BytesMut::new();
                }
                return Poll::Pending;
            }
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.association.poll_event() {
            match event {
                ClientEvent::Negotiated(outcomes) => {
                    if let Some(Exchange { sender, .. }) = self.negotiation.take() {
                        let _ = sender.send(Ok(outcomes));
                    }
                }
                ClientEvent::AlterRefused(fault) => {
                    if let Some(Exchange { sender, .. }) = self.negotiation.take() {
                        let _ = sender.send(Err(ClientError::AlterRefused(fault)));
                    }
                }
                ClientEvent::Authenticate(job) => self.steps.push(job),
                ClientEvent::Response { call_id, order, body } => {
                    self.settle(call_id, Ok((body, order)));
                }
                ClientEvent::Fault { call_id, fault, extended_error, refuses_login } => {
                    if !extended_error.is_empty() {
                        tracing::debug!(call_id, %fault, octets = extended_error.len(), "extended error information");
                    }
                    let error = if refuses_login { ChannelError::LoginRefused } else { ChannelError::Fault };
                    self.settle(call_id, Err(error(fault)));
                }
                ClientEvent::Shutdown => tracing::debug!("the server shuts down"),
            }
        }
    }

    fn settle(&mut self, call_id: u32, outcome: Result<Answer, ChannelError>) {
        if let Some(slot) = self.calls.get_mut(&call_id) {
            slot.outcome = Some(outcome);
            self.woken.extend(slot.waker.take());
        }
    }

    /// Wakes callers that wait for room for their requests.
    pub(super) fn wake_senders(&mut self) {
        for slot in self.calls.values_mut() {
            if std::mem::take(&mut slot.sending) {
                self.woken.extend(slot.waker.take());
            }
        }
    }

    fn over(&mut self, reason: TransportError) -> Poll<Drive> {
        self.end(reason);
        Poll::Ready(Drive::End)
    }

    /// There is nothing more to come: whoever waits for anything is told why.
    fn end(&mut self, reason: TransportError) {
        if self.ended.is_some() {
            return;
        }
        // Who waits for a bind learns of the refusal itself; others of the end.
        if let (Some(Exchange { sender, .. }), Some(refused)) = (self.negotiation.take(), self.refused.take()) {
            let _ = sender.send(Err(refused));
        }
        for slot in self.calls.values_mut().filter(|slot| slot.outcome.is_none()) {
            slot.outcome = Some(Err(reason.clone().into()));
            self.woken.extend(slot.waker.take());
        }
        self.association.disconnected();
        self.output = BytesMut::new();
        self.meter = None;
        self.ended = Some(reason);
    }
}

enum Drive {
    Step(StepJob),
    End,
}

/// What drives a connection. However it goes, nobody is left waiting.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let stream = self.shared.with(|inner| {
            inner.end(TransportError::new("the task of the connection was ended"));
            inner.driver = None;
            inner.stream.take()
        });
        drop(stream);
    }
}

pub(super) async fn drive(driver: Driver) {
    let shared = &driver.shared;
    loop {
        match poll_fn(|cx| shared.with(|inner| inner.poll_drive(cx))).await {
            Drive::End => break,
            Drive::Step(job) => {
                shared.with(|inner| inner.stepping = true);
                let mut step = pin!(steps::run(job));
                // Nobody may wait for it any more: the server is not kept waiting either.
                let done = poll_fn(|cx| match shared.with(|inner| inner.unused) {
                    true => Poll::Ready(None),
                    false => step.as_mut().poll(cx).map(Some),
                });
                let done = done.await;
                shared.with(|inner| {
                    inner.stepping = false;
                    match done {
                        Some(Ok(done)) => inner.association.authenticated(done),
                        Some(Err(_panic)) => inner.end(TransportError::new("the security provider failed")),
                        None => inner.end(TransportError::new("the connection has been closed")),
                    }
                });
            }
        }
    }
    // Whoever still holds the connection finds out; the stream is closed for the server.
    if let Some(mut stream) = shared.with(|inner| inner.stream.take()) {
        let _ = tokio::time::timeout(CLOSING, stream.shutdown()).await;
    }
}
