//! Message channels: what lies on them ([`codec`]) and what keeps it ([`memory`], [`embedded`],
//! [`kafka`]), and what traces say of it ([`spans`]).

pub mod codec;
pub mod codes;
pub mod embedded;
pub mod kafka;
pub mod memory;
mod reader;
pub mod spans;

/// The largest record a channel takes, in bytes of key, headers and value.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// Where a batch ends even if more records were asked for; its first record always fits.
pub const BATCH_BYTES_MAX: usize = 16 << 20;
/// Channels in one place; a wrong route must not fill the disk with empty ones.
pub const CHANNELS_MAX: usize = 1_000;

/// Refuses what no channel takes.
pub(crate) fn check_size(records: &[messaging::Record]) -> messaging::Result<()> {
    match records.iter().find(|record| RECORD_BYTES_MAX < record.len()) {
        None => Ok(()),
        Some(record) => {
            let (channel, len) = (&record.channel, record.len());
            let cause = format!("{len} bytes for `{channel}`, at most {RECORD_BYTES_MAX}");
            Err(messaging::FailureKind::Defect.because(codes::RECORD_TOO_LARGE, cause))
        }
    }
}
