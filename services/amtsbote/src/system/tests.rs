//! What a start makes of what it finds.

use std::path::PathBuf;

use bytes::Bytes;
use channels::embedded::EmbeddedChannel;
use messaging::{Channel as _, Record, Timestamp};

use super::*;
use crate::{config, roles::Roles};

const CONFIGURATION: &str = "[gateway]\nlisten = \"127.0.0.1:0\"\n[console]\n\
     listen = \"127.0.0.1:0\"\n[[route]]\ndomain = \"kfz\"\narea = \"neu\"\n\
     [dispatcher]\nchannels = [\"application.kfz.neu\"]\n";

/// A folder that goes away.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn a_renamed_route_strands_nothing() {
    let path = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
    let folder = Folder(path);
    let clock = Clock::fixed(Timestamp(1));
    let channel = EmbeddedChannel::open(&folder.0.join("data"), clock.clone()).unwrap();
    for name in ["application.kfz.alt", "status"] {
        let (key, value) = (Bytes::from_static(b"case"), Bytes::from_static(b"message"));
        let channel_name = ChannelName::new(name).unwrap();
        let record = Record { channel: channel_name, key, headers: Vec::new(), value };
        channel.append(vec![record]).await.unwrap();
    }
    drop(channel);
    let config = config::read_text(Some("t.toml"), CONFIGURATION, &folder.0, &|_| None).unwrap();
    let system = System::open(config, Roles::ALL, clock).await.unwrap();
    let channels = system.dispatched_channels();
    let channels: Vec<_> = channels.iter().map(ChannelName::as_str).collect();
    assert_eq!(channels, ["application.kfz.alt", "application.kfz.neu"]);
}
