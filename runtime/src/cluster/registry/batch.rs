//! Batches (\[MS-CMRP\] 2.2.3.17): many changes, conditions or reads in one request.

use msrpc_ndr::{Bytes, WString, Win32Error};

use super::{Edit, KeyId, Name, Path, Registry, RegistryError, Value, ValueType};

/// What a command does (`CLUSTER_REG_BATCH_COMMAND`, \[MS-CMRP\] 2.2.2.8). Others are kept as they
/// come, and refused where they are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommandKind(pub u32);

impl CommandKind {
    /// Sets a value of the current key.
    pub const CLUSREG_SET_VALUE: Self = Self(1);
    /// Creates or opens a key and makes it the current one.
    pub const CLUSREG_CREATE_KEY: Self = Self(2);
    /// Deletes a key; there is no current one after it.
    pub const CLUSREG_DELETE_KEY: Self = Self(3);
    /// Deletes a value of the current key.
    pub const CLUSREG_DELETE_VALUE: Self = Self(4);
    /// In notifications: the data that a value had before the next command.
    pub const CLUSREG_VALUE_DELETED: Self = Self(6);
    /// Makes a key the current one of a read batch.
    pub const CLUSREG_READ_KEY: Self = Self(7);
    /// Reads a value of the current key.
    pub const CLUSREG_READ_VALUE: Self = Self(8);
    /// In answers: a value could not be read; its type is the status.
    pub const CLUSREG_READ_ERROR: Self = Self(9);
    /// Says how the batch is to be carried out.
    pub const CLUSREG_CONTROL_COMMAND: Self = Self(10);
    /// Goes on only if a value exists.
    pub const CLUSREG_CONDITION_EXISTS: Self = Self(11);
    /// Goes on only if a value does not exist.
    pub const CLUSREG_CONDITION_NOT_EXISTS: Self = Self(12);
    /// Goes on only if a value is the given one.
    pub const CLUSREG_CONDITION_IS_EQUAL: Self = Self(13);
    /// Goes on only if a value is not the given one.
    pub const CLUSREG_CONDITION_IS_NOT_EQUAL: Self = Self(14);
    /// Goes on only if a value is greater than the given one.
    pub const CLUSREG_CONDITION_IS_GREATER_THAN: Self = Self(15);
    /// Goes on only if a value is less than the given one.
    pub const CLUSREG_CONDITION_IS_LESS_THAN: Self = Self(16);
    /// Goes on only if a key exists.
    pub const CLUSREG_CONDITION_KEY_EXISTS: Self = Self(17);
    /// Goes on only if a key does not exist.
    pub const CLUSREG_CONDITION_KEY_NOT_EXISTS: Self = Self(18);
}

/// A command of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it does.
    pub kind: CommandKind,
    /// The type of its data; the status of a `CLUSREG_READ_ERROR`.
    pub value_type: ValueType,
    /// The name of a value, or the path of a key.
    pub name: WString,
    /// Its data.
    pub data: Bytes,
}

/// Why a batch is refused, and because of which of its commands, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// It is cut off, or not of version 1.
    #[error("command {0}: the batch is not well-formed")]
    Malformed(u32),
    /// There is no current key.
    #[error("command {0}: no key was created or opened before it")]
    NoKey(u32),
    /// A batch of this kind has no such command.
    #[error("command {0}: not a command of this kind of batch")]
    Unknown(u32),
    /// A condition does not hold.
    #[error("command {0}: the condition does not hold")]
    Condition(u32),
    /// The registry refuses.
    #[error("command {0}: {1}")]
    Registry(u32, RegistryError),
}

impl BatchError {
    /// The Win32 error code that a caller is given. The document has one for commands without a
    /// current key; the others are ours.
    pub fn status(&self) -> Win32Error {
        match self {
            Self::Malformed(_) | Self::NoKey(_) | Self::Unknown(_) => Win32Error::ERROR_INVALID_PARAMETER,
            Self::Condition(_) => crate::cluster::status::ERROR_INVALID_STATE,
            Self::Registry(_, error) => error.status(),
        }
    }

    /// The number of the command, from 1.
    pub fn command(&self) -> u32 {
        match self {
            Self::Malformed(command)
            | Self::NoKey(command)
            | Self::Unknown(command)
            | Self::Condition(command)
            | Self::Registry(command, _) => *command,
        }
    }
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// What batch update ports are told: the commands, and before each that changes a value the
    /// data that this had (\[MS-CMRP\] 3.1.4.2.114).
    pub notification: Vec<Command>,
    /// The keys that were created, deleted, or had values changed.
    pub keys: Vec<KeyId>,
}

const VERSION: u32 = 1;

/// Parses a `CLUSTER_REG_BATCH_UPDATE`.
///
/// # Errors
///
/// [`BatchError::Malformed`] with the number of the command that is cut off.
pub fn decode(octets: &Bytes) -> Result<Vec<Command>, BatchError> {
    let mut rest = octets.clone();
    if take_u32(&mut rest) != Some(VERSION) {
        return Err(BatchError::Malformed(0));
    }
    let mut commands = Vec::new();
    while !rest.is_empty() {
        let number = number(commands.len());
        commands.push(take_command(&mut rest).ok_or(BatchError::Malformed(number))?);
    }
    Ok(commands)
}

fn take_command(rest: &mut Bytes) -> Option<Command> {
    let kind = CommandKind(take_u32(rest)?);
    let value_type = ValueType(take_u32(rest)?);
    let name = take_counted(rest)?;
    let (units, odd) = name.as_chunks::<2>();
    let units = units.iter().map(|&unit| u16::from_le_bytes(unit));
    if !odd.is_empty() || units.clone().next_back() != Some(0) {
        return None;
    }
    let name = WString::from_units(units.take_while(|&unit| unit != 0));
    let data = take_counted(rest)?;
    if data.len() % 2 == 1 && !rest.is_empty() {
        let _padding = rest.split_to(1);
    }
    Some(Command { kind, value_type, name, data })
}

fn take_u32(rest: &mut Bytes) -> Option<u32> {
    let (octets, _) = rest.split_first_chunk::<4>()?;
    let value = u32::from_le_bytes(*octets);
    let _taken = rest.split_to(4);
    Some(value)
}

fn take_counted(rest: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(take_u32(rest)?).ok()?;
    (length <= rest.len()).then(|| rest.split_to(length))
}

/// Writes a `CLUSTER_REG_BATCH_UPDATE`. Data longer than a count can say is cut off, which no
/// registry holds.
pub fn encode(commands: &[Command]) -> Bytes {
    let mut octets = VERSION.to_le_bytes().to_vec();
    for Command { kind, value_type, name, data } in commands {
        octets.extend_from_slice(&kind.0.to_le_bytes());
        octets.extend_from_slice(&value_type.0.to_le_bytes());
        let mut name = name.as_le_bytes().to_vec();
        name.extend_from_slice(&[0, 0]);
        for part in [&*name, data] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            octets.extend_from_slice(&length.to_le_bytes());
            octets.extend_from_slice(part);
        }
        if data.len() % 2 == 1 {
            octets.push(0);
        }
    }
    octets.into()
}

fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

impl Edit<'_> {
    /// Carries out a batch of changes and conditions (\[MS-CMRP\] 3.1.4.2.112). After an error the
    /// edit is to be dropped, which undoes what was done.
    ///
    /// # Errors
    ///
    /// Fails at the first command that cannot be carried out.
    pub fn execute(&mut self, key: KeyId, commands: &[Command]) -> Result<BatchOutcome, BatchError> {
        let mut outcome = BatchOutcome::default();
        let mut current = Some(key);
        for (index, command) in commands.iter().enumerate() {
            let number = number(index);
            let refuse = |error: RegistryError| BatchError::Registry(number, error);
            match command.kind {
                CommandKind::CLUSREG_CREATE_KEY => {
                    let path = path(command).map_err(refuse)?;
                    let (id, disposition) = self.create(key, &path, None).map_err(refuse)?;
                    current = Some(id);
                    outcome.notification.push(command.clone());
                    if disposition == super::Disposition::Created {
                        outcome.keys.push(id);
                    }
                }
                CommandKind::CLUSREG_DELETE_KEY => {
                    match self.registry().find(key, &path(command).map_err(refuse)?) {
                        Ok(id) => {
                            self.delete(id).map_err(refuse)?;
                            outcome.keys.push(id);
                        }
                        Err(RegistryError::Missing(_)) => {}
                        Err(error) => return Err(refuse(error)),
                    }
                    current = None;
                    outcome.notification.push(command.clone());
                }
                CommandKind::CLUSREG_SET_VALUE | CommandKind::CLUSREG_DELETE_VALUE => {
                    let id = current.ok_or(BatchError::NoKey(number))?;
                    self.change_value(id, command, &mut outcome.notification).map_err(refuse)?;
                    outcome.keys.push(id);
                }
                // How it is synchronized between nodes is not for the registry to know.
                CommandKind::CLUSREG_CONTROL_COMMAND => {}
                _ => match condition(self.registry(), key, current, command, number)? {
                    true => {}
                    false => return Err(BatchError::Condition(number)),
                },
            }
        }
        outcome.keys.sort_unstable();
        outcome.keys.dedup();
        Ok(outcome)
    }

    fn change_value(&mut self, id: KeyId, command: &Command, told: &mut Vec<Command>) -> Result<(), RegistryError> {
        let name = Name::of_value(&command.name)?;
        let old = self.registry().key(id)?.value(&name).cloned();
        if let Some(Value { kind: value_type, data }) = old.clone() {
            let kind = CommandKind::CLUSREG_VALUE_DELETED;
            told.push(Command { kind, value_type, name: command.name.clone(), data });
        }
        told.push(command.clone());
        if command.kind == CommandKind::CLUSREG_SET_VALUE {
            self.set_value(id, name, Value { kind: command.value_type, data: command.data.clone() })
        } else if old.is_some() {
            self.delete_value(id, &name)
        } else {
            Ok(())
        }
    }
}

fn path(command: &Command) -> Result<Path, RegistryError> {
    Ok(Path::parse(&command.name)?)
}

/// Whether a condition holds. That the value compared with is missing makes it not hold.
fn condition(
    registry: &Registry,
    key: KeyId,
    current: Option<KeyId>,
    command: &Command,
    number: u32,
) -> Result<bool, BatchError> {
    let refuse = |error: RegistryError| BatchError::Registry(number, error);
    if matches!(command.kind, CommandKind::CLUSREG_CONDITION_KEY_EXISTS | CommandKind::CLUSREG_CONDITION_KEY_NOT_EXISTS)
    {
        let exists = match registry.find(key, &path(command).map_err(refuse)?) {
            Ok(_) => true,
            Err(RegistryError::Missing(_)) => false,
            Err(error) => return Err(refuse(error)),
        };
        return Ok(exists == (command.kind == CommandKind::CLUSREG_CONDITION_KEY_EXISTS));
    }
    let id = current.ok_or(BatchError::NoKey(number))?;
    let name = Name::of_value(&command.name).map_err(|error| refuse(error.into()))?;
    let value = registry.key(id).map_err(refuse)?.value(&name);
    let given = Value { kind: command.value_type, data: command.data.clone() };
    Ok(match command.kind {
        CommandKind::CLUSREG_CONDITION_EXISTS => value.is_some(),
        CommandKind::CLUSREG_CONDITION_NOT_EXISTS => value.is_none(),
        CommandKind::CLUSREG_CONDITION_IS_EQUAL => value == Some(&given),
        CommandKind::CLUSREG_CONDITION_IS_NOT_EQUAL => value.is_some_and(|value| *value != given),
        CommandKind::CLUSREG_CONDITION_IS_GREATER_THAN => {
            value.and_then(|value| value.order(&given)).is_some_and(|order| order.is_gt())
        }
        CommandKind::CLUSREG_CONDITION_IS_LESS_THAN => {
            value.and_then(|value| value.order(&given)).is_some_and(|order| order.is_lt())
        }
        _ => return Err(BatchError::Unknown(number)),
    })
}

impl Registry {
    /// Carries out a batch of reads (\[MS-CMRP\] 3.1.4.2.141): an answer for each command, in their
    /// order. A value that cannot be read is an answer, too.
    ///
    /// # Errors
    ///
    /// Fails if there is another command than reads.
    pub fn execute_read(&self, key: KeyId, commands: &[Command]) -> Result<Vec<Command>, BatchError> {
        let mut current = Ok(key);
        let mut answers = Vec::with_capacity(commands.len());
        for (index, command) in commands.iter().enumerate() {
            match command.kind {
                CommandKind::CLUSREG_READ_KEY => {
                    current = path(command).and_then(|path| self.find(key, &path));
                    answers.push(command.clone());
                }
                CommandKind::CLUSREG_READ_VALUE => {
                    let read = current.clone().and_then(|id| self.value(id, &Name::of_value(&command.name)?));
                    let (kind, value_type, data) = match read {
                        Ok(value) => (command.kind, value.kind, value.data.clone()),
                        Err(error) => (CommandKind::CLUSREG_READ_ERROR, ValueType(error.status().0), Bytes::new()),
                    };
                    answers.push(Command { kind, value_type, name: command.name.clone(), data });
                }
                _ => return Err(BatchError::Unknown(number(index))),
            }
        }
        Ok(answers)
    }
}

impl RegistryError {
    /// The Win32 error code that a caller is given.
    pub fn status(&self) -> Win32Error {
        match self {
            Self::Name(_) => Win32Error::ERROR_INVALID_NAME,
            Self::Missing(_) => Win32Error::ERROR_FILE_NOT_FOUND,
            // ERROR_KEY_DELETED
            Self::KeyDeleted => Win32Error(1018),
            Self::HasSubkeys | Self::Root => Win32Error::ERROR_ACCESS_DENIED,
            Self::TooDeep => Win32Error::ERROR_INVALID_PARAMETER,
        }
    }
}
