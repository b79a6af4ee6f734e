//! Calls within a process, without PDUs: a client and a server in memory.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Association, AssociationId, Body, Call, Channel, ChannelError, Encoding, Reply, Service};

/// A [`Channel`] straight into a [`Service`]: stubs are marshalled, nothing else travels.
///
/// There is no runtime that could run a method on: a call that is dropped takes the method with it,
/// which transports never do.
#[derive(Clone)]
pub struct MemoryChannel {
    service: Arc<dyn Service>,
    encoding: Encoding,
    id: AssociationId,
    association: Association,
    tap: Option<Tap>,
}

/// Sees each exchange of a [`MemoryChannel`]: opnum, request stub and response stub.
pub type Tap = Arc<dyn Fn(u16, &Bytes, &Bytes) + Send + Sync>;

impl MemoryChannel {
    /// A channel to a service, with handles of its own.
    pub fn new(service: impl Service, encoding: Encoding) -> Self {
        Self::shared(Arc::new(service), encoding, Association::default())
    }

    /// A channel to a shared service on an association.
    pub fn shared(service: Arc<dyn Service>, encoding: Encoding, association: Association) -> Self {
        Self { service, encoding, id: AssociationId::unique(), association, tap: None }
    }

    /// Shows each exchange to `tap`.
    pub fn with_tap(mut self, tap: impl Fn(u16, &Bytes, &Bytes) + Send + Sync + 'static) -> Self {
        self.tap = Some(Arc::new(tap));
        self
    }
}

impl Channel for MemoryChannel {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn association(&self) -> AssociationId {
        self.id
    }

    async fn call(&self, opnum: u16, request: Body) -> Result<Reply, ChannelError> {
        let call = Call::on(&self.association, self.service.interface(), opnum, self.encoding);
        let Some(tap) = &self.tap else {
            return Ok(Reply { body: self.service.call(call, request).await?, encoding: self.encoding });
        };
        let request = request.collect(usize::MAX).await?;
        let response = self.service.call(call, request.clone().into()).await?.collect(usize::MAX).await?;
        tap(opnum, &request, &response);
        Ok(Reply { body: response.into(), encoding: self.encoding })
    }
}
