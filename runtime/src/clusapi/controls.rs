//! Control codes (\[MS-CMRP\] 3.1.4.2.73 to 3.1.4.2.80, 3.1.4.2.88, 3.1.4.2.89, 3.1.4.2.97,
//! 3.1.4.2.98, 3.1.4.2.105, 3.1.4.2.106, 3.1.4.2.155, 3.1.4.2.156): access, sizes of buffers, and
//! where they are carried out. What they do is in [`control`](crate::cluster::control).

use msrpc_ndr::{Bytes, Call, Failure, Handle, Outcome, WString, Win32Error};
use msrpc_protocols::clusapi3::clusapi as answers;

use super::{Access, ClusApi, OpenCluster, OpenObject, not_found, object, object_name};
use crate::cluster::{
    control::{self, Subject},
    machine::{self, Cluster},
    node::Node,
    objects::Kind,
    registry::Name,
    state::NodeState,
    status,
};

/// What all methods for control codes answer, each in a structure of its own.
pub(super) trait ControlAnswer {
    /// The octets for the output buffer, and how large this has to be.
    fn new(out_buffer: Bytes, cb_required: u32) -> Self;
}

macro_rules! answers {
    ($($name:ident)*) => {
        $(impl ControlAnswer for answers::$name {
            fn new(out_buffer: Bytes, cb_required: u32) -> Self {
                Self { out_buffer, cb_required }
            }
        })*
    };
}

answers! {
    ApiNodeResourceControl ApiResourceControl ApiNodeResourceTypeControl ApiResourceTypeControl
    ApiNodeGroupControl ApiGroupControl ApiNodeNodeControl ApiNodeControl ApiNodeNetworkControl
    ApiNetworkControl ApiNodeNetInterfaceControl ApiNetInterfaceControl ApiNodeClusterControl
    ApiClusterControl ApiNodeGroupSetControl ApiGroupSetControl
}

type Answer<T> = Outcome<T, Win32Error>;

/// A control code as it arrives.
struct Request {
    code: u32,
    input: Option<Bytes>,
    /// The size of the client's output buffer.
    size: u32,
}

/// What it is sent to.
enum Target<'a> {
    Cluster,
    Object(Kind, &'a Name),
}

fn subject(cluster: &Cluster, target: &Target<'_>) -> machine::Outcome<Subject> {
    Ok(match target {
        Target::Cluster => Subject::Cluster,
        // Resource types are named, all others have a handle.
        Target::Object(Kind::ResourceType, name) => {
            let found = cluster.objects().find(Kind::ResourceType, name).cloned();
            Subject::Object(Kind::ResourceType, found.ok_or(not_found(Kind::ResourceType))?)
        }
        Target::Object(kind, id) => Subject::Object(*kind, object(cluster, *kind, id)?),
    })
}

fn need(access: Access, code: u32) -> Result<(), Win32Error> {
    let needed = if control::needs_all_access(code) { Access::All } else { Access::Read };
    if access >= needed { Ok(()) } else { Err(Win32Error::ERROR_ACCESS_DENIED) }
}

/// Whether a node could carry out a code: each does what all others would do.
fn host(cluster: &Cluster, node: &Name) -> machine::Outcome<()> {
    object(cluster, Kind::Node, node)?;
    match cluster.volatile().nodes.get(node).map(|node| node.state) {
        Some(NodeState::Up | NodeState::Paused) => Ok(()),
        _ => Err(status::ERROR_HOST_NODE_NOT_AVAILABLE),
    }
}

async fn answer<N: Node, T: ControlAnswer>(
    api: &ClusApi<N>,
    target: Target<'_>,
    node: Option<&Handle<OpenObject>>,
    request: Request,
) -> Answer<T> {
    let Request { code, input, size } = request;
    api.node.accepts(control::needs_all_access(code))?;
    let input = input.map(|octets| Bytes::copy_from_slice(&octets)).unwrap_or_default();
    let domain = &api.node.about().domain;
    let answer = api.look(|cluster| {
        let subject = subject(cluster, &target)?;
        if let Some(node) = node {
            host(cluster, &node.id)?;
        }
        control::control(cluster, &subject, code, &input, domain).inspect_err(
            |error| tracing::debug!(code = format_args!("{code:#010x}"), %error, "a control code is refused"),
        )
    });
    match answer.await? {
        control::Answer::Octets(octets) => {
            let required = u32::try_from(octets.len()).unwrap_or(u32::MAX);
            if required > size {
                return Err(Failure::with(Win32Error::ERROR_MORE_DATA, T::new(Bytes::new(), required)));
            }
            Ok(T::new(octets, required))
        }
        control::Answer::Change(command, later) => {
            api.apply(command).await?;
            if later {
                return Err(Failure::with(status::ERROR_RESOURCE_PROPERTIES_STORED, T::new(Bytes::new(), 0)));
            }
            Ok(T::new(Bytes::new(), 0))
        }
    }
}

/// A control code for the object of a handle.
pub(super) async fn on_object<N: Node, T: ControlAnswer>(
    api: &ClusApi<N>,
    _call: &Call,
    target: &Handle<OpenObject>,
    code: u32,
    input: Option<Bytes>,
    size: u32,
) -> Answer<T> {
    need(target.access, code)?;
    answer(api, Target::Object(target.kind, &target.id), None, Request { code, input, size }).await
}

/// The same, carried out on a node.
pub(super) async fn on_object_at<N: Node, T: ControlAnswer>(
    api: &ClusApi<N>,
    _call: &Call,
    target: &Handle<OpenObject>,
    node: &Handle<OpenObject>,
    code: u32,
    input: Option<Bytes>,
    size: u32,
) -> Answer<T> {
    need(target.access, code)?;
    answer(api, Target::Object(target.kind, &target.id), Some(node), Request { code, input, size }).await
}

/// A control code for the cluster.
pub(super) async fn on_cluster<N: Node, T: ControlAnswer>(
    api: &ClusApi<N>,
    _call: &Call,
    cluster: &Handle<OpenCluster>,
    code: u32,
    input: Option<Bytes>,
    size: u32,
) -> Answer<T> {
    need(cluster.access, code)?;
    answer(api, Target::Cluster, None, Request { code, input, size }).await
}

/// The same, carried out on a node.
pub(super) async fn on_cluster_at<N: Node, T: ControlAnswer>(
    api: &ClusApi<N>,
    _call: &Call,
    cluster: &Handle<OpenCluster>,
    node: &Handle<OpenObject>,
    code: u32,
    input: Option<Bytes>,
    size: u32,
) -> Answer<T> {
    need(cluster.access, code)?;
    answer(api, Target::Cluster, Some(node), Request { code, input, size }).await
}

/// A control code for a resource type.
pub(super) async fn on_type<N: Node, T: ControlAnswer>(
    api: &ClusApi<N>,
    _call: &Call,
    cluster: &Handle<OpenCluster>,
    type_name: WString,
    code: u32,
    input: Option<Bytes>,
    size: u32,
) -> Answer<T> {
    need(cluster.access, code)?;
    let name = object_name(&type_name)?;
    answer(api, Target::Object(Kind::ResourceType, &name), None, Request { code, input, size }).await
}

/// The same, carried out on a node.
#[allow(clippy::too_many_arguments, reason = "the protocol's method has them")]
pub(super) async fn on_type_at<N: Node, T: ControlAnswer>(
    api: &ClusApi<N>,
    _call: &Call,
    cluster: &Handle<OpenCluster>,
    type_name: WString,
    node: &Handle<OpenObject>,
    code: u32,
    input: Option<Bytes>,
    size: u32,
) -> Answer<T> {
    need(cluster.access, code)?;
    let name = object_name(&type_name)?;
    answer(api, Target::Object(Kind::ResourceType, &name), Some(node), Request { code, input, size }).await
}
